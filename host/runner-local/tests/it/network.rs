//! Networks of their own: two daemons on one port, reached by address.

use std::io::{Read, Write};
use std::net::TcpStream;

use runner::{Runner, UnitHappening};
use serde_json::json;

use crate::kit::{Kit, namespaces, shell, unit};

const SERVER: &str = "import http.server, os\nclass H(http.server.BaseHTTPRequestHandler):\n  def do_GET(self):\n    self.send_response(200); self.end_headers(); self.wfile.write((os.environ['WHO'] + ' at ' + os.environ['IP']).encode())\n  def log_message(self, *a): pass\nhttp.server.HTTPServer(('0.0.0.0', 8080), H).serve_forever()\n";

fn get(ip: &str) -> String {
    let mut stream = TcpStream::connect((ip, 8080)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn two_daemons_on_one_port() {
    namespaces!();
    if std::process::Command::new("python3").arg("-V").output().is_err() {
        testkit::tools::skip("two_daemons_on_one_port", "python3 is not installed");
        return;
    }
    let mut kit = Kit::new().await;
    let mut addresses = Vec::new();
    for who in ["one", "two"] {
        let template = json!({"name": "t", "daemon": true, "script": {"image": "i", "command": ["python3"], "source": SERVER,
            "env": [{"name": "WHO", "value": who}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}}});
        let mut daemon = unit(&format!("u/{who}"), template);
        daemon.own_network = true;
        let key = kit.start(daemon).await;
        let ip = kit.wait(&key, |w| match w {
            UnitHappening::Ready { ip } => Some(ip.clone()),
            UnitHappening::Ended(result) => panic!("{result:?}"),
            _ => None,
        });
        addresses.push((who, key.clone(), ip.await.unwrap()));
    }
    assert_ne!(addresses[0].2, addresses[1].2);
    for (who, _, ip) in &addresses {
        assert_eq!(get(ip), format!("{who} at {ip}"), "from the machine's network");
    }
    // From another unit's own network, and by its own name.
    let fetch = "python3 -c \"import urllib.request,sys; print(urllib.request.urlopen('http://'+sys.argv[1]+':8080').read().decode())\"";
    let mut consumer =
        shell("u/consumer", &format!("{fetch} {} && getent hosts $(hostname) | cut -d' ' -f1", addresses[1].2));
    consumer.own_network = true;
    let key = kit.start(consumer).await;
    let (message, ip) = kit.started(&key).await;
    let result = kit.ended(&key).await;
    assert_eq!(result.result.unwrap(), format!("two at {}\n{}", addresses[1].2, ip.unwrap()), "{message}");
    for (_, key, _) in addresses {
        kit.runner.stop(&key, 5_000).await.unwrap();
        kit.ended(&key).await;
    }
}
