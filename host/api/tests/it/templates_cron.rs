//! Templates and cron workflows.

use client::ErrorKind;
use client::v1::*;

use crate::world::*;

#[tokio::test]
async fn templates_are_listed_and_described() {
    let world = World::new().await;
    let root = world.root().await;
    for document in [
        template("WorkflowTemplate", "a"),
        template("WorkflowTemplate", "b"),
        template("ClusterWorkflowTemplate", "c"),
        cron("n"),
    ] {
        root.resources().create(create(&document)).await.unwrap();
    }
    let page =
        root.templates().list(ListTemplatesRequest { limit: 1, ..ListTemplatesRequest::default() }).await.unwrap();
    assert_eq!(
        (page.templates[0].name.as_str(), page.templates[0].templates.as_slice()),
        ("a", &["main".to_owned()][..])
    );
    let rest = ListTemplatesRequest { continue_token: page.continue_token, ..ListTemplatesRequest::default() };
    assert_eq!(root.templates().list(rest).await.unwrap().templates[0].name, "b");
    let cluster = ListTemplatesRequest { cluster_scope: true, ..ListTemplatesRequest::default() };
    assert_eq!(root.templates().list(cluster).await.unwrap().templates[0].name, "c");

    let describe = |kind: TemplateKind, name: &str| DescribeTemplateRequest {
        source: Some(TemplateSource { kind: kind.into(), name: name.to_owned() }),
        ..DescribeTemplateRequest::default()
    };
    let told = root.templates().describe(describe(TemplateKind::WorkflowTemplate, "a")).await.unwrap();
    assert_eq!((told.parameters[0].name.as_str(), told.parameters[0].value.as_str()), ("who", "you"));
    assert_eq!((told.entrypoints[0].name.as_str(), told.entrypoints[0].r#type.as_str()), ("main", "container"));
    let told = root.templates().describe(describe(TemplateKind::CronWorkflow, "n")).await.unwrap();
    assert_eq!(told.summary.unwrap().entrypoint, "main");
    let error = refused(root.templates().describe(describe(TemplateKind::ClusterWorkflowTemplate, "none")).await);
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::NotFound, "clusterworkflowtemplate none"));
}

#[tokio::test]
async fn who_sees_a_namespace_does_not_see_the_cluster() {
    let world = World::new().await;
    let dev = world.client("dev").await;
    let cluster = || ListTemplatesRequest { cluster_scope: true, ..ListTemplatesRequest::default() };
    assert_eq!(refused(dev.templates().list(cluster()).await).code, "Forbidden");
    world.client("viewer").await.templates().list(cluster()).await.unwrap();
}

#[tokio::test]
async fn cron_workflows_are_suspended_resumed_and_caught_up() {
    let world = World::new().await;
    let root = world.root().await;
    root.resources().create(create(&cron("n"))).await.unwrap();
    let row = root
        .cron_workflows()
        .suspend(SuspendCronWorkflowRequest { name: "n".to_owned(), ..Default::default() })
        .await
        .unwrap();
    assert!(row.cron_workflow.unwrap().suspended);
    let list = root.cron_workflows().list(ListCronWorkflowsRequest::default()).await.unwrap();
    assert!(list.cron_workflows[0].suspended && list.cron_workflows[0].schedules == ["0 * * * *"]);
    let row = root
        .cron_workflows()
        .resume(ResumeCronWorkflowRequest { name: "n".to_owned(), ..Default::default() })
        .await
        .unwrap();
    assert!(!row.cron_workflow.unwrap().suspended);

    let backfill = BackfillRequest { name: "n".to_owned(), from_ms: 10, until_ms: 15, ..BackfillRequest::default() };
    assert_eq!(root.cron_workflows().backfill(backfill.clone()).await.unwrap().workflows, ["n-5"]);
    let argument = BackfillRequest { argument: "date".to_owned(), format: "2006".to_owned(), ..backfill.clone() };
    assert_eq!(root.cron_workflows().backfill(argument).await.unwrap().workflows, ["n-5-date=2006"]);
    let error = refused(root.cron_workflows().backfill(BackfillRequest { until_ms: 10, ..backfill }).await);
    assert_eq!(error.violations[0].path, "until_ms");

    let next = |schedules: &[&str], timezone: &str| NextRunsRequest {
        schedules: schedules.iter().map(|s| (*s).to_owned()).collect(),
        timezone: timezone.to_owned(),
        from_ms: 100,
        count: 3,
        ..NextRunsRequest::default()
    };
    assert_eq!(
        root.cron_workflows().next_runs(next(&["every 40", "every 50"], "")).await.unwrap().runs_ms,
        [120, 150, 160]
    );
    assert_eq!(
        refused(root.cron_workflows().next_runs(next(&["every 40", "x"], "")).await).violations[0].path,
        "schedules[1]"
    );
    assert_eq!(
        refused(root.cron_workflows().next_runs(next(&["every 40"], "Nowhere")).await).violations[0].path,
        "timezone"
    );
    let stored = NextRunsRequest { name: "n".to_owned(), ..NextRunsRequest::default() };
    assert_eq!(refused(root.cron_workflows().next_runs(stored).await).violations[0].path, "spec.schedules[0]");
}
