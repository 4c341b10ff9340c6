use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

fn config(more: &Value) -> Config {
    let mut given =
        json!({"query": " from(bucket: \"b\")\n", "address": "http://influx.example:8086/", "org": "my org"});
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&given.to_string()).unwrap()
}

fn v1(more: &Value) -> Config {
    let mut given = json!({
        "language": "influxql", "org": "", "query": " SELECT mean(\"x\") FROM \"m\" ", "database": "metrics",
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config(&given)
}

fn answered(config: Config, status: u16, body: &str) -> Result<Measurement> {
    let body = body.to_owned();
    testing::serve(move |_| Ok(Response::new(status, body.clone())));
    InfluxDb::run(config, &Request::default())
}

#[test]
fn flux_is_sent_as_json_with_its_dialect() {
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("POST", "http://influx.example:8086/api/v2/query?org=my%20org"));
        let headers: Vec<(&str, &str)> =
            request.all_headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("accept", "application/csv"),
            ("authorization", "Token stand-in-for-influxdb.authToken"),
            ("content-type", "application/json"),
        ];
        assert_eq!(headers, expected);
        let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
        let dialect = json!({"header": true, "delimiter": ",", "annotations": ["datatype", "default"]});
        assert_eq!(body, json!({"type": "flux", "query": "from(bucket: \"b\")", "dialect": dialect}));
        Ok(Response::new(
            200,
            "#datatype,string,long,double\r\n#default,_result,,\r\n,result,table,_value\r\n,,0,0.5\r\n,,0,\r\n,,0,NaN\r\n\r\n",
        ))
    });
    assert_eq!(InfluxDb::run(config(&json!({})), &Request::default()).unwrap().value, json!([0.5, "NaN"]));
}

#[test]
fn tables_become_one_list() {
    for (body, value) in [
        ("", json!([])),
        ("\r\n", json!([])),
        (
            "#datatype,string,long,long\n#default,_result,,7\n,result,table,_value\n,,0,3\n,,0,\n\n#datatype,string,long,string\n#default,_result,,\n,result,table,_value\n,,1,\"a,b\"\n",
            json!([3, 7, "a,b"]),
        ),
        ("#datatype,string,long,boolean\n#default,_result,,\n,result,table,_value\n,,0,true\n", json!([true])),
        (
            "#datatype,string,long,unsignedLong\n#default,_result,,\n,result,table,_value\n,,0,18446744073709551615\n",
            json!([18_446_744_073_709_551_615_u64]),
        ),
        (
            "#datatype,string,long,dateTime:RFC3339\n#default,_result,,\n,result,table,_value\n,,0,2026-01-01T00:00:00Z\n",
            json!(["2026-01-01T00:00:00Z"]),
        ),
    ] {
        assert_eq!(answered(config(&json!({})), 200, body).unwrap().value, value, "{body}");
    }
}

#[test]
fn what_flux_says_about_a_failure_is_told() {
    for (status, body, class, code, message) in [
        (
            400,
            r#"{"code":"invalid","message":"undefined identifier x"}"#,
            Class::InvalidConfig,
            "bad-query",
            "InfluxDB refuses the query: undefined identifier x",
        ),
        (
            401,
            r#"{"code":"unauthorized","message":"unauthorized access"}"#,
            Class::Denied,
            "status-401",
            "InfluxDB answers 401: unauthorized access",
        ),
        (
            404,
            r#"{"code":"not found","message":"bucket \"b\" not found"}"#,
            Class::NotFound,
            "status-404",
            "InfluxDB answers 404: bucket \"b\" not found",
        ),
        (
            500,
            r#"{"code":"internal error","message":"oh"}"#,
            Class::Unavailable,
            "status-500",
            "InfluxDB answers 500: oh",
        ),
        (502, "<html>", Class::Unavailable, "status-502", "InfluxDB answers 502: <html>"),
        (
            200,
            "#datatype,string,string\n#default,,\n,error,reference\n,out of memory,897\n",
            Class::Permanent,
            "query-failed",
            "InfluxDB cannot answer the query: out of memory",
        ),
        (
            200,
            "#datatype,string,long,double\n#default,_result,,\n,result,table,mean\n,,0,1\n",
            Class::InvalidConfig,
            "no-column",
            "the query gives a table without a column `_value`; rename one to it",
        ),
        (
            200,
            "#datatype,string,long,double\n#default,_result,,\n,result,table,_value\n,,0,much\n",
            Class::Permanent,
            "bad-answer",
            "InfluxDB answers `much`, which is no double",
        ),
    ] {
        let error = answered(config(&json!({})), status, body).unwrap_err();
        assert_eq!((error.class(), error.code(), error.message()), (&class, code, message));
    }
    let limited =
        Response::new(429, r#"{"code":"too many requests","message":"wait"}"#).with_header("Retry-After", "30");
    testing::serve(move |_| Ok(limited.clone()));
    let error = InfluxDb::run(config(&json!({})), &Request::default()).unwrap_err();
    assert_eq!(error.class(), &Class::Throttled(Some(std::time::Duration::from_secs(30))));
}

#[test]
fn influxql_is_sent_as_a_form() {
    for (refused, more, authorization, rest) in [
        (&[][..], json!({}), Some("Basic base64(stand-in-for-influxdb.username:stand-in-for-influxdb.password)"), ""),
        (
            &["influxdb.username"][..],
            json!({"retentionPolicy": "a week"}),
            Some("Token stand-in-for-influxdb.authToken"),
            "&rp=a%20week",
        ),
        (&["influxdb.username", "influxdb.authToken"][..], json!({}), None, ""),
    ] {
        testing::reset();
        refused.iter().for_each(|name| testing::refuse_secret(name));
        testing::serve(move |request| {
            assert_eq!((request.method(), request.url()), ("POST", "http://influx.example:8086/query"));
            assert_eq!(request.header_value("authorization"), authorization);
            assert_eq!(request.header_value("content-type"), Some("application/x-www-form-urlencoded"));
            let body = String::from_utf8_lossy(request.body_bytes()).into_owned();
            assert_eq!(body, format!("db=metrics&q=SELECT%20mean%28%22x%22%29%20FROM%20%22m%22&epoch=ms{rest}"));
            Ok(Response::new(
                200,
                r#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"a"},"columns":["time","mean","max"],"values":[[0,0.5,2],[60,null,3]]},{"name":"m","columns":["time","mean"],"values":[[0,1]]}]}]}"#,
            ))
        });
        assert_eq!(InfluxDb::run(v1(&more), &Request::default()).unwrap().value, json!([0.5, 2, 3, 1]));
    }
}

#[test]
fn what_influxql_says_about_a_failure_is_told() {
    let of = |said: &str| json!({"results": [{"statement_id": 0, "error": said}]}).to_string();
    for (status, body, class, code, field) in [
        (
            400,
            r#"{"error":"error parsing query: found FROM"}"#.to_owned(),
            Class::InvalidConfig,
            "bad-query",
            Some("query"),
        ),
        (401, r#"{"error":"authorization failed"}"#.to_owned(), Class::Denied, "status-401", None),
        (200, of("database not found: x"), Class::NotFound, "query-failed", Some("database")),
        (200, of("query-timeout limit exceeded"), Class::Unavailable, "query-unavailable", None),
        (200, of("mixed"), Class::Permanent, "query-failed", None),
        (
            200,
            r#"{"results":[{"series":[{"columns":["time"],"values":[],"partial":true}],"partial":true}]}"#.to_owned(),
            Class::InvalidConfig,
            "too-much",
            Some("query"),
        ),
        (503, "{}".to_owned(), Class::Unavailable, "status-503", None),
        (200, "<html>".to_owned(), Class::Permanent, "bad-answer", None),
    ] {
        let error = answered(v1(&json!({})), status, &body).unwrap_err();
        assert_eq!((error.class(), error.code(), error.field()), (&class, code, field), "{body}");
    }
    assert_eq!(answered(v1(&json!({})), 200, r#"{"results":[{"statement_id":0}]}"#).unwrap().value, json!([]));
}

#[test]
fn where_influxdb_is_may_be_kept_beside_the_token() {
    let given = config(&json!({"address": "", "org": "", "profile": "mine"}));
    let error = InfluxDb::run(given.clone(), &Request::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "address: it is expected here, or as the granted secret mine.address with `reveal: true`"
    );
    testing::set_secret("mine.address", "https://kept.example\n");
    testing::set_secret("mine.org", "o");
    testing::serve(|request| {
        assert_eq!(request.url(), "https://kept.example/api/v2/query?org=o");
        assert_eq!(request.header_value("authorization"), Some("Token stand-in-for-mine.authToken"));
        Ok(Response::new(200, ""))
    });
    assert_eq!(InfluxDb::run(given, &Request::default()).unwrap().value, json!([]));
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    for (given, expected) in [
        (
            config(&json!({"query": "", "database": "d", "retentionPolicy": "r", "address": "influx:8086 "})),
            vec!["query", "database", "retentionPolicy"],
        ),
        (v1(&json!({"org": "o", "database": " ", "address": "x://y"})), vec!["org", "database", "address"]),
        (config(&json!({})), vec![]),
        (v1(&json!({})), vec![]),
    ] {
        let fields: Vec<String> = given.check().into_iter().map(|finding| finding.field).collect();
        assert_eq!(fields, expected);
    }
    assert_eq!(colchis_sdk::parse::<Config>(r#"{"language":"sql"}"#).unwrap_err().field(), Some("language"));
    assert_eq!(InfluxDb::metadata(config(&json!({}))).unwrap()[0].1, "from(bucket: \"b\")");
}
