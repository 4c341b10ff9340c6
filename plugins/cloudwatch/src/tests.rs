use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_767_225_600_999;

fn config(more: &Value) -> Config {
    let mut given = json!({"region": "eu-central-1", "metricDataQueries": [
        {"id": "rate", "expression": " errors / requests "},
        {"id": "errors", "label": "Errors", "returnData": false, "metricStat": {
            "metric": {"namespace": "app", "metricName": "errors", "dimensions": [{"name": "service", "value": "shop"}]},
            "period": "300", "stat": "Sum", "unit": "Count",
        }},
        {"id": "requests", "returnData": false, "metricStat": {"metric": {"namespace": "app", "metricName": "requests"}, "period": 300, "stat": "Sum"}},
    ]});
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&given.to_string()).unwrap()
}

fn answered(response: Response) -> Result<Measurement> {
    testing::set_now_ms(NOW);
    testing::serve(move |_| Ok(response.clone()));
    CloudWatch::run(config(&json!({})), &Request::default())
}

#[test]
fn queries_are_sent_with_the_names_of_aws_and_signed() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        assert_eq!((request.method(), request.url()), ("POST", "https://monitoring.eu-central-1.amazonaws.com/"));
        let headers: Vec<(&str, &str)> =
            request.all_headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "GraniteServiceVersion20100801.GetMetricData"),
            ("accept", "application/json"),
            ("authorization", "AWS4-HMAC-SHA256 aws eu-central-1 monitoring POST"),
        ];
        assert_eq!(headers, expected);
        let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
        let expected = json!({"StartTime": 1_767_225_300, "EndTime": 1_767_225_600, "MetricDataQueries": [
            {"Id": "rate", "Expression": "errors / requests"},
            {"Id": "errors", "Label": "Errors", "ReturnData": false, "MetricStat": {
                "Metric": {"Namespace": "app", "MetricName": "errors", "Dimensions": [{"Name": "service", "Value": "shop"}]},
                "Period": 300, "Stat": "Sum", "Unit": "Count",
            }},
            {"Id": "requests", "ReturnData": false, "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "requests"}, "Period": 300, "Stat": "Sum"}},
        ]});
        assert_eq!(body, expected);
        Ok(Response::new(
            200,
            r#"{"MetricDataResults":[{"Id":"rate","Label":"rate","Timestamps":[1.7672253E9],"Values":[0.005],"StatusCode":"Complete"}],"Messages":[]}"#,
        ))
    });
    let measured = CloudWatch::run(config(&json!({})), &Request::default()).unwrap();
    assert_eq!(
        measured.value,
        json!([{
            "Id": "rate", "Label": "rate", "StatusCode": "Complete", "Timestamps": ["2025-12-31T23:55:00Z"], "Values": [0.005], "Messages": [],
        }])
    );
}

#[test]
fn a_result_may_go_on_over_several_pages() {
    testing::set_now_ms(NOW);
    testing::serve(|request| {
        let body: Value = serde_json::from_slice(request.body_bytes()).unwrap();
        let page = match body["NextToken"].as_str() {
            None => {
                json!({"MetricDataResults": [{"Id": "rate", "Label": "a", "Values": [1.0], "Timestamps": [60], "StatusCode": "PartialData"}], "NextToken": "t1"})
            }
            Some("t1") => json!({"MetricDataResults": [
                {"Id": "rate", "Label": "a", "Values": [2.0], "Timestamps": [0], "StatusCode": "Complete"},
                {"Id": "rate", "Label": "b", "Values": [], "Timestamps": [], "StatusCode": "Complete"},
            ], "Messages": [{"Code": "MaxMetricsExceeded", "Value": "more"}]}),
            other => panic!("{other:?}"),
        };
        Ok(Response::new(200, page.to_string()))
    });
    let measured = CloudWatch::run(config(&json!({})), &Request::default()).unwrap();
    assert_eq!((&measured.value[0]["Values"], &measured.value[1]["Values"]), (&json!([1.0, 2.0]), &json!([])));
    assert_eq!(
        (measured.value[0]["StatusCode"].as_str(), measured.message.as_str()),
        (Some("Complete"), "MaxMetricsExceeded: more")
    );

    testing::serve(|_| Ok(Response::new(200, r#"{"MetricDataResults":[],"NextToken":"again"}"#)));
    let error = CloudWatch::run(config(&json!({})), &Request::default()).unwrap_err();
    assert!(error.message().contains("pages_max (10)"), "{error}");
}

#[test]
fn where_cloudwatch_is_and_who_signs() {
    for (more, url, signed) in [
        (json!({"region": "cn-north-1"}), "https://monitoring.cn-north-1.amazonaws.com.cn/", "aws cn-north-1"),
        (json!({"profile": "other"}), "https://monitoring.eu-central-1.amazonaws.com/", "other eu-central-1"),
        (json!({"profile": "other", "region": ""}), "https://monitoring.us-west-2.amazonaws.com/", "other us-west-2"),
        (json!({"address": "http://vpce.example:8080"}), "http://vpce.example:8080/", "aws eu-central-1"),
    ] {
        testing::set_secret("other.region", "us-west-2\n");
        testing::serve(move |request| {
            assert_eq!(request.url(), url);
            let expected = format!("AWS4-HMAC-SHA256 {signed} monitoring POST");
            assert_eq!(request.header_value("authorization"), Some(expected.as_str()));
            Ok(Response::new(200, "{}"))
        });
        assert_eq!(CloudWatch::run(config(&more), &Request::default()).unwrap().value, json!([]));
    }
    let error = CloudWatch::run(config(&json!({"region": ""})), &Request::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "region: it is expected here, or as the granted secret aws.region with `reveal: true`"
    );
}

#[test]
fn what_aws_says_about_a_failure_is_told() {
    for (status, kind, class, code) in [
        (400, "com.amazonaws.cloudwatch#ValidationError", Class::InvalidConfig, "bad-query"),
        (400, "com.amazon.coral.service#ThrottlingException", Class::Throttled(None), "rate-limit"),
        (400, "AccessDeniedException", Class::Denied, "access-denied"),
        (403, "InvalidClientTokenId", Class::Denied, "access-denied"),
        (500, "InternalServiceFault", Class::Unavailable, "query-unavailable"),
        (418, "Odd", Class::Permanent, "status-418"),
    ] {
        let error = answered(Response::new(status, json!({"__type": kind, "message": "why"}).to_string())).unwrap_err();
        assert_eq!((error.class(), error.code()), (&class, code), "{kind}");
        assert!(error.message().ends_with(": why"), "{error}");
    }
    for (status, class) in
        [("Forbidden", Class::Denied), ("InternalError", Class::Unavailable), ("Odd", Class::Permanent)]
    {
        let body = json!({"MetricDataResults": [{"Id": "rate", "StatusCode": status, "Messages": [{"Code": "c", "Value": "v"}]}]});
        let error = answered(Response::new(200, body.to_string())).unwrap_err();
        assert_eq!(error.class(), &class);
        assert_eq!(error.message(), format!("CloudWatch cannot answer the query rate ({status}): c: v"));
    }
    assert_eq!(answered(Response::new(502, "<html>")).unwrap_err().class(), &Class::Unavailable);
    assert_eq!(answered(Response::new(200, "<html>")).unwrap_err().code(), "bad-answer");
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let stat = json!({"metric": {"dimensions": [{"name": "", "value": "x"}]}, "period": 7, "stat": ""});
    let given = config(&json!({"interval": "5", "region": "EU", "address": "ftp://x", "metricDataQueries": [
        {"id": "A", "metricStat": stat},
        {"id": "b", "period": "x", "expression": "1"},
        {"id": "b"},
        {"id": "c", "expression": "x", "period": 60, "metricStat": {"metric": {"metricName": "n", "namespace": "s"}, "period": 60, "stat": "Sum"}},
    ]}));
    let fields: Vec<String> = given.check().into_iter().map(|finding| finding.field).collect();
    assert_eq!(
        fields,
        [
            "interval",
            "metricDataQueries[0].id",
            "metricDataQueries[0].metricStat.period",
            "metricDataQueries[0].metricStat.stat",
            "metricDataQueries[0].metricStat.metric.metricName",
            "metricDataQueries[0].metricStat.metric.namespace",
            "metricDataQueries[0].metricStat.metric.dimensions[0]",
            "metricDataQueries[1].period",
            "metricDataQueries[2].id",
            "metricDataQueries[2]",
            "metricDataQueries[3].metricStat",
            "metricDataQueries[3].period",
            "region",
            "address",
        ]
    );
    for queries in [json!([]), json!([{"id": "a", "expression": "1", "returnData": false}])] {
        let found = config(&json!({"metricDataQueries": queries})).check();
        assert_eq!((found.len(), found[0].field.as_str()), (1, "metricDataQueries"));
    }
    assert_eq!(config(&json!({})).check(), []);
    let error = colchis_sdk::parse::<Config>(r#"{"metricDataQueries":[{"id":"a","metricstat":{}}]}"#).unwrap_err();
    assert_eq!(error.field(), Some("metricDataQueries[0].metricstat"));
    let kept = CloudWatch::metadata(config(&json!({}))).unwrap();
    assert_eq!(kept[0], ("query.rate".to_owned(), "errors / requests".to_owned()));
    assert_eq!(kept[1].1, "Sum of app errors");
}
