//! Metric providers against the real servers that they ask: known data goes in, and the component in a real server of ours has to measure it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::{Server, eventually};

/// A server that is asked; ends when it is dropped.
struct Asked {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Asked {
    /// Starts it in a folder of its own and waits until it answers. What it says goes to a file there.
    async fn start(make: impl FnOnce(&Path, u16) -> Command) -> Self {
        let folder = tempfile::Builder::new().prefix("colchis-asked-").tempdir().unwrap();
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut command = make(folder.path(), port);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let mut asked = Self { process, folder, port };
        for _ in 0..6_000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return asked;
            }
            if let Ok(Some(status)) = asked.process.try_wait() {
                panic!("it ended ({status}): {}", asked.log());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it does not answer: {}", asked.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Posts a body, and answers the status and what was said.
    fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n{headers}\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        (status, answer)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A server of ours with the component of a provider.
async fn server(test: &str, guest: &str) -> Option<Server> {
    let file = testkit::tools::guest(guest, test)?;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("plugins");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(file, folder.join(format!("{guest}.wasm"))).unwrap();
    let folder = folder.display().to_string();
    Some(Server::at(home, &[("plugins.folder", &folder)]).await)
}

fn apply(server: &Server, object: &Value) {
    let file = server.home().join("applied.json");
    std::fs::write(&file, object.to_string()).unwrap();
    server.cli(&["apply", "-f", &file.display().to_string()]).ok();
}

/// Installs the provider with grants, and waits until it is in service.
async fn install(server: &Server, name: &str, grants: Value) {
    let spec = json!({"source": {"file": format!("{name}.wasm")}, "grants": grants});
    apply(server, &json!({"apiVersion": "colchis.dev/v1", "kind": "Plugin", "metadata": {"name": name}, "spec": spec}));
    eventually(&format!("{name} is in service"), || async {
        server.cli(&["plugin", "list"]).ok().contains("metric-provider").then_some(())
    })
    .await;
}

fn call(server: &Server, name: &str, config: &Value) -> tests::cli::Said {
    let file = server.home().join("call.json");
    std::fs::write(&file, json!({"config": config}).to_string()).unwrap();
    server.cli(&["plugin", "call", name, "run", "-f", &file.display().to_string(), "-o", "json"])
}

/// The value of a measurement.
fn measured(server: &Server, name: &str, config: &Value) -> Value {
    let told: Value = serde_json::from_str(&call(server, name, config).ok()).unwrap();
    assert_eq!(told["phase"], "measured", "{told}");
    told["value"].clone()
}

/// What Prometheus scrapes, served until the test ends.
fn exposition() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let body = "shop_requests{code=\"200\"} 97\nshop_requests{code=\"500\"} 3\nshop_odd NaN\n";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_measured() {
    let test = "prometheus_is_measured";
    let Some(program) = testkit::tools::need("prometheus", test) else { return };
    let Some(server) = server(test, "prometheus").await else { return };
    let scraped = exposition();
    let asked = Asked::start(|folder, port| {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]}}]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder);
        command
    })
    .await;
    install(&server, "prometheus", json!({"http": [{"host": asked.url(), "private": true}]})).await;
    let config = |query: &str| json!({"address": asked.url(), "query": query});
    eventually("the target is scraped", || async {
        // Also while Prometheus reads its log and answers 503.
        let said = call(&server, "prometheus", &config("shop_requests"));
        (said.code == 0 && said.out.contains("97")).then_some(())
    })
    .await;
    for (query, value) in [
        ("sum(shop_requests{code!~\"5..\"}) / sum(shop_requests)", json!([0.97])),
        ("sort_desc(shop_requests)", json!([97.0, 3.0])),
        ("scalar(sum(shop_requests))", json!(100.0)),
        ("shop_requests{code=\"404\"}", json!([])),
        ("shop_odd", json!(["NaN"])),
        ("vector(1) / 0", json!(["+Inf"])),
    ] {
        assert_eq!(measured(&server, "prometheus", &config(query)), value, "{query}");
    }
    let mut range = config("vector(7)");
    range["rangeQuery"] = json!({"start": "now() - duration(\"2m\")", "end": "now()", "step": "1m"});
    assert_eq!(measured(&server, "prometheus", &range), json!([7.0, 7.0, 7.0]));
    let refused = call(&server, "prometheus", &config("sum(")).fails();
    assert!(refused.contains("Prometheus refuses the query (bad_data)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_is_measured_with_a_user_that_the_plugin_never_sees() {
    let test = "influxdb_is_measured_with_a_user_that_the_plugin_never_sees";
    let Some(program) = testkit::tools::need("influxd", test) else { return };
    let Some(server) = server(test, "influxdb").await else { return };
    let asked = Asked::start(|folder, port| {
        let mut command = Command::new(program);
        let at = |name: &str| folder.join(name).display().to_string();
        command
            .arg("run")
            .env("HOME", folder)
            .env("INFLUXDB_REPORTING_DISABLED", "true")
            .env("INFLUXDB_BIND_ADDRESS", format!("127.0.0.1:{}", free_port()))
            .env("INFLUXDB_META_DIR", at("meta"))
            .env("INFLUXDB_DATA_DIR", at("data"))
            .env("INFLUXDB_DATA_WAL_DIR", at("wal"))
            .env("INFLUXDB_HTTP_BIND_ADDRESS", format!("127.0.0.1:{port}"))
            .env("INFLUXDB_HTTP_AUTH_ENABLED", "true")
            .current_dir(folder);
        command
    })
    .await;
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let made = asked.post("/query", form, "q=CREATE USER medea WITH PASSWORD 'of-colchis' WITH ALL PRIVILEGES");
    assert_eq!(made.0, 200, "{}", made.1);
    let made = asked.post("/query?u=medea&p=of-colchis", form, "q=CREATE DATABASE shop");
    assert_eq!(made.0, 200, "{}", made.1);
    let lines =
        "rate,app=a value=0.25,max=2i 1000000000\nrate,app=a value=0.75 2000000000\nrate,app=b value=3 1000000000\n";
    let written = asked.post("/write?db=shop&u=medea&p=of-colchis", "", lines);
    assert_eq!(written.0, 204, "{}", written.1);

    apply(
        &server,
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "influx", "namespace": "default"},
            "stringData": {"username": "medea", "password": "of-colchis", "address": asked.url()}}),
    );
    let secret = |key: &str, reveal: bool| {
        let at = json!({"namespace": "default", "name": "influx", "key": key});
        json!({"name": format!("influxdb.{key}"), "secretKeyRef": at, "reveal": reveal})
    };
    let secrets = json!([secret("username", false), secret("password", false), secret("address", true)]);
    let http = json!([{"host": asked.url(), "private": true}]);
    install(&server, "influxdb", json!({"http": http, "secrets": secrets})).await;
    let config = |query: &str| json!({"language": "influxql", "database": "shop", "query": query});
    for (query, value) in [
        ("SELECT mean(value) FROM rate WHERE app = 'a'", json!([0.5])),
        ("SELECT value, max FROM rate WHERE app = 'a'", json!([0.25, 2, 0.75])),
        ("SELECT last(value) FROM rate GROUP BY app", json!([0.75, 3])),
        ("SELECT value FROM rate WHERE app = 'c'", json!([])),
    ] {
        assert_eq!(measured(&server, "influxdb", &config(query)), value, "{query}");
    }
    let mut other = config("SELECT value FROM rate");
    other["database"] = json!("other");
    for (given, part) in [
        (config("SELEKT"), "InfluxDB refuses the query: error parsing query"),
        (other, "database not found"),
        (json!({"language": "influxql", "query": "x"}), "a database is expected"),
    ] {
        let refused = call(&server, "influxdb", &given).fails();
        assert!(refused.contains(part), "{refused}");
    }
    // A server that refuses, because the grants have another user now.
    let wrong = json!([secret("username", false), {"name": "influxdb.password", "secretKeyRef": {"namespace": "default", "name": "influx", "key": "address"}}, secret("address", true)]);
    install(&server, "influxdb", json!({"http": http, "secrets": wrong})).await;
    eventually("the other password is refused", || async {
        let said = call(&server, "influxdb", &config("SELECT value FROM rate"));
        (said.code != 0 && said.err.contains("authorization failed")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphite_is_measured() {
    let test = "graphite_is_measured";
    let Some(program) = testkit::tools::need("graphite-web", test) else { return };
    let Some(server) = server(test, "graphite").await else { return };
    // Graphite's own programs for its files lie beside the web application.
    let programs = std::fs::canonicalize(&program).unwrap().ancestors().nth(2).unwrap().join("environment/bin");
    let minute = now() / 60 * 60;
    let asked = Asked::start(|folder, port| {
        let series = folder.join("whisper/shop");
        std::fs::create_dir_all(&series).unwrap();
        std::fs::create_dir_all(folder.join("log/webapp")).unwrap();
        for (name, points) in [("good", [(180, "97"), (120, "98.5")]), ("all", [(180, "100"), (120, "100")])] {
            let file = series.join(format!("{name}.wsp"));
            let run = |command: &mut Command| {
                let said = command.output().unwrap();
                assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            };
            run(Command::new(programs.join("whisper-create.py")).arg(&file).arg("60s:1d"));
            let points = points.map(|(ago, value)| format!("{}:{value}", minute - ago));
            run(Command::new(programs.join("whisper-update.py")).arg(&file).args(points));
        }
        let settings = "SECRET_KEY = \"of a test\"\nALLOWED_HOSTS = [\"127.0.0.1\"]\n";
        std::fs::write(folder.join("graphite_of_a_test.py"), settings).unwrap();
        let mut command = Command::new(program);
        command
            .args(["runserver", "--noreload", &format!("127.0.0.1:{port}")])
            .env("DJANGO_SETTINGS_MODULE", "graphite.settings")
            .env("GRAPHITE_SETTINGS_MODULE", "graphite_of_a_test")
            .env("PYTHONPATH", folder)
            .env("GRAPHITE_ROOT", folder)
            .env("GRAPHITE_STORAGE_DIR", folder)
            .current_dir(folder);
        command
    })
    .await;
    install(&server, "graphite", json!({"http": [{"host": asked.url(), "private": true}]})).await;
    let config = |query: &str| json!({"address": asked.url(), "query": query});
    for (query, value) in [
        ("shop.good", json!([97.0, 98.5])),
        ("target=asPercent(\n  shop.good,\n  shop.all\n)&from=-10min", json!([97.0, 98.5])),
        ("target=shop.good&target=shop.all&from=-10min", json!([97.0, 98.5, 100.0, 100.0])),
        ("target=alias(shop.{good,nothing}, 'a&from=b')", json!([97.0, 98.5])),
        ("shop.nothing", json!([])),
    ] {
        assert_eq!(measured(&server, "graphite", &config(query)), value, "{query}");
    }
    let refused = call(&server, "graphite", &config("nosuch(shop.good)")).fails();
    assert!(refused.contains("Graphite refuses the query"), "{refused}");
    // Another address than the granted one.
    let refused = call(&server, "graphite", &json!({"address": "http://127.0.0.1:9", "query": "a"})).fails();
    assert!(refused.contains("http://127.0.0.1:9"), "{refused}");
}
