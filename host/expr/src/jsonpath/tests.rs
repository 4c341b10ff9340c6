use super::*;
use crate::Budget;

#[test]
fn dump() {
    let Ok(path) = std::env::var("JCASES") else { return };
    let doc: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("/tmp/oracle/jp.json").unwrap()).unwrap();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut parts = line.split('\t');
        let (code, want) = (parts.next().unwrap(), parts.next().unwrap());
        let got = Template::parse(code).and_then(|t| t.render(&doc["data"], Missing::Error, Budget::DEFAULT));
        let got = got.map(|s| serde_json::to_string(&s).unwrap()).unwrap_or_else(|e| format!("ERR {}", e.render()));
        if !(got.starts_with("ERR") && want.starts_with("ERR")) && got != want {
            println!("{code}\n   want {want}\n   got  {got}");
        }
    }
}
