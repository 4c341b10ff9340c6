//! Every file of `examples/` ends as its header says. One server per theme; the files of a theme run side by side.

use futures::future::join_all;
use tests::example::{self, World};

macro_rules! themes {
    ($($test:ident: $theme:literal),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                ends_as_it_says($theme).await;
            }
        )*

        #[test]
        fn no_theme_is_forgotten() {
            assert_eq!(example::themes(), [$($theme),*], "the folders of examples/, in order");
        }
    };
}

themes! {
    artifacts: "artifacts",
    ci: "ci",
    conditions: "conditions",
    container_set: "container-set",
    cron: "cron",
    daemon: "daemon",
    dag: "dag",
    data: "data",
    etl: "etl",
    expressions: "expressions",
    handlers: "handlers",
    hello: "hello",
    http: "http",
    incident: "incident",
    locks: "locks",
    loops: "loops",
    memoize: "memoize",
    metrics: "metrics",
    migrations: "migrations",
    ml: "ml",
    parameters: "parameters",
    plugins: "plugins",
    recursion: "recursion",
    resource: "resource",
    retention: "retention",
    retries: "retries",
    scripts: "scripts",
    sidecars: "sidecars",
    steps: "steps",
    suspend: "suspend",
    templates: "templates",
    timeouts: "timeouts",
    volumes: "volumes",
}

async fn ends_as_it_says(theme: &str) {
    let examples = example::of_theme(theme);
    assert!(!examples.is_empty(), "examples/{theme} holds no example");
    let world = World::start(&format!("examples/{theme}")).await;
    let world = &world;
    let results = join_all(examples.iter().map(|e| async move { (e, example::run(world, e).await) })).await;
    let mut failures = Vec::new();
    for (example, differences) in results.into_iter().filter(|(_, d)| !d.is_empty()) {
        failures.push(format!("examples/{}\n  {}", example.name, differences.join("\n  ")));
    }
    assert!(failures.is_empty(), "{} of {} differ\n\n{}", failures.len(), examples.len(), failures.join("\n\n"));
}

/// Headers are read also where their example cannot run.
#[test]
fn every_header_is_read() {
    for theme in example::themes() {
        for example in example::of_theme(&theme) {
            assert!(!example.documents.is_empty(), "{}", example.name);
        }
    }
}
