//! `CronWorkflows`: schedules.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Object;
use proto_gen::v1::cron_workflows_server::CronWorkflows;
use proto_gen::v1::*;
use runtime::control::Backfill;
use serde_json::Value;
use store::objects::{ListQuery, Precondition};
use tonic::{Request, Response, Status};

use super::workflows::some;
use crate::call::Call;
use crate::document::{self, Draft, fields_of};
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::CRON_WORKFLOW;
use crate::summary::CronSpec;
use crate::{pages, selector, summary, write};

/// Moments that one call computes.
const RUNS_MAX: u32 = 100;
/// Moments that a call computes when it does not say.
const RUNS_DEFAULT: u32 = 5;
/// Schedules that one call gives.
const SCHEDULES_MAX: usize = 100;

/// The service.
#[derive(Clone)]
pub(crate) struct CronWorkflowsService(pub(crate) Gate);

impl CronWorkflowsService {
    async fn set_suspend(
        &self,
        call: &Call,
        namespace: &str,
        name: &str,
        suspend: bool,
    ) -> Outcome<CronWorkflowSummary> {
        let grant = self.0.pass(call, namespace)?;
        let key = grant.key(&CRON_WORKFLOW, name)?;
        let make = |object: &Object| {
            let mut fields = fields_of(object)?;
            if let Some(Value::Object(spec)) = fields.get_mut("spec") {
                spec.insert("suspend".to_owned(), Value::Bool(suspend));
            }
            Draft::of(Object { body: document::raw(&fields)?.into(), ..object.clone() })
        };
        let written = write::change(&grant, &CRON_WORKFLOW, &key, Precondition::default(), false, make).await?;
        Ok(row(&grant, &written.object))
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A row with its next run.
fn row(grant: &Grant, object: &Object) -> CronWorkflowSummary {
    let mut row = summary::cron_workflow(object);
    if !row.suspended && row.phase != "Stopped" {
        let next = grant.schedules().next(&row.schedules, &row.timezone, now_ms(), 1);
        row.next_run_ms = next.ok().and_then(|runs| runs.first().copied()).unwrap_or_default();
    }
    row
}

#[tonic::async_trait]
impl CronWorkflows for CronWorkflowsService {
    async fn list(
        &self,
        request: Request<ListCronWorkflowsRequest>,
    ) -> Result<Response<ListCronWorkflowsResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &CRON_WORKFLOW, &request.namespace)?;
        let query = ListQuery {
            selector: selector::of(&grant, &CRON_WORKFLOW, request.selector.as_ref())?,
            limit: Some(self.0.limits().page(request.limit)),
            continue_token: some(request.continue_token),
            ..ListQuery::default()
        };
        let row_size = |object: &Object| store::codec::size_of_metadata(&object.metadata) + (8 << 10);
        let page = pages::fitting(grant.objects(), query, self.0.limits(), row_size).await?;
        Ok(Response::new(ListCronWorkflowsResponse {
            cron_workflows: page.items.iter().map(|object| row(&grant, object)).collect(),
            continue_token: page.continue_token.unwrap_or_default(),
            revision: page.revision,
        }))
    }

    async fn suspend(
        &self,
        request: Request<SuspendCronWorkflowRequest>,
    ) -> Result<Response<SuspendCronWorkflowResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let cron_workflow = Some(self.set_suspend(&call, &r.namespace, &r.name, true).await?);
        Ok(Response::new(SuspendCronWorkflowResponse { cron_workflow }))
    }

    async fn resume(
        &self,
        request: Request<ResumeCronWorkflowRequest>,
    ) -> Result<Response<ResumeCronWorkflowResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let cron_workflow = Some(self.set_suspend(&call, &r.namespace, &r.name, false).await?);
        Ok(Response::new(ResumeCronWorkflowResponse { cron_workflow }))
    }

    async fn backfill(&self, request: Request<BackfillRequest>) -> Result<Response<BackfillResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let grant = self.0.pass(&call, &r.namespace)?;
        let key = grant.key(&CRON_WORKFLOW, &r.name)?;
        if r.from_ms >= r.until_ms {
            return Err(Failure::field("until_ms", "is not after from_ms").into());
        }
        let how = Backfill {
            from_ms: r.from_ms,
            until_ms: r.until_ms,
            parallel: r.parallel,
            name: some(r.run_name),
            argument: some(r.argument).map(|argument| (argument, r.format)),
        };
        let made = grant.control().backfill(&key.namespace, &key.name, how).await.map_err(Failure::from)?;
        Ok(Response::new(BackfillResponse { workflows: made }))
    }

    async fn next_runs(&self, request: Request<NextRunsRequest>) -> Result<Response<NextRunsResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let grant = self.0.pass(&call, &r.namespace)?;
        if r.schedules.len() > SCHEDULES_MAX {
            return Err(Failure::too_large(
                "the request",
                "schedules_max",
                SCHEDULES_MAX as u64,
                r.schedules.len() as u64,
            )
            .into());
        }
        let (schedules, timezone, prefix) = if r.name.is_empty() {
            if r.schedules.is_empty() {
                return Err(Failure::field("name", "is required, or schedules").into());
            }
            (r.schedules, r.timezone, "")
        } else {
            let key = grant.key(&CRON_WORKFLOW, &r.name)?;
            let spec = CronSpec::of(&*grant.objects().get(&key).await.map_err(Failure::from)?);
            (spec.schedules(), spec.timezone.unwrap_or_default(), "spec.")
        };
        let from = if r.from_ms == 0 { now_ms() } else { r.from_ms };
        let count = if r.count == 0 { RUNS_DEFAULT } else { r.count.min(RUNS_MAX) };
        let runs_ms = grant.schedules().next(&schedules, &timezone, from, count as usize).map_err(|(at, reason)| {
            let path = at.map_or_else(|| format!("{prefix}timezone"), |at| format!("{prefix}schedules[{at}]"));
            Failure::field(&path, reason)
        })?;
        Ok(Response::new(NextRunsResponse { runs_ms }))
    }
}
