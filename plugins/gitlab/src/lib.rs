//! The event source `gitlab`: deliveries of GitLab's webhooks.
//!
//! ```text
//!   request ──► method, size, token ──► X-Gitlab-Token? 401, 403 ──► wanted? ──► {headers, body}
//! ```
//!
//! Invariants
//! - With `secretToken`, a request without it is no event.
//! - The id is GitLab's of the event: one that is sent again is the same event.
//!
//! Must not know: GitLab's API. Webhooks are made there by hand or by the tool that keeps the project's settings.

use colchis_sdk::event_receiver::{Endpoint, Event, EventReceiver, Incoming, Outcome};
use colchis_sdk::webhook::Webhook;
use colchis_sdk::{Finding, Result, SecretRef, about, call, event};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Headers that say which event it is, the same when it is sent again.
const IDS: [&str; 2] = ["idempotency-key", "x-gitlab-event-uuid"];

/// Webhooks of GitLab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["webhook"]))]
pub struct Config {
    /// Where requests are expected.
    pub webhook: Webhook,
    /// GitLab sends this along.
    pub secret_token: Option<SecretRef>,
    /// The events to take, as `PushEvents`, or as GitLab's header has them, `Push Hook`; all without any.
    pub events: Vec<String>,
    /// The projects to take events of, as `group/project` or by number; all without any.
    pub projects: Vec<String>,
    /// The groups to take events of, beside `projects`, as `group`; all without any.
    pub groups: Vec<String>,
}

/// The event source.
#[derive(Debug)]
pub struct Source;

impl EventReceiver for Source {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        let mut found = config.webhook.check("webhook.");
        if config.secret_token.is_none() && config.webhook.auth_secret.is_none() {
            found.push(Finding::warning("secretToken", "without it, anybody who knows the address can send events"));
        }
        found
    }

    fn endpoints(config: Config, _: &str) -> Result<Vec<Endpoint>> {
        Ok(config.webhook.endpoints())
    }

    fn on_request(config: Config, name: &str, request: &Incoming) -> Result<Outcome> {
        if let Some(refusal) = config.webhook.refuse("webhook.", request)? {
            return Ok(refusal);
        }
        if let Some(secret) = &config.secret_token {
            let Some(token) = request.header("x-gitlab-token").filter(|token| !token.is_empty()) else {
                return Ok(Outcome::answer(401, "the header X-Gitlab-Token is expected"));
            };
            if !secret.is("secretToken", token.as_bytes())? {
                return Ok(Outcome::answer(403, "the token is another one"));
            }
        }
        let Some(kind) = request.header("x-gitlab-event").filter(|kind| !kind.is_empty()) else {
            return Ok(Outcome::answer(400, "the header X-Gitlab-Event is expected"));
        };
        let body: Value = match serde_json::from_slice(&request.body) {
            Ok(body) => body,
            Err(error) => return Ok(Outcome::answer(400, format!("the body is not JSON: {error}"))),
        };
        if !config.wants(kind, &body) {
            return Ok(Outcome::answer(200, "success"));
        }
        // One delivery may be for several events of sources: the name of this one belongs to the id.
        let id = match IDS.iter().find_map(|header| request.header(header).filter(|id| !id.is_empty())) {
            Some(delivery) => event::id_of(&[b"gitlab", name.as_bytes(), delivery.as_bytes(), &request.body]),
            None => event::id_of(&[b"gitlab", name.as_bytes(), kind.as_bytes(), &request.body]),
        };
        let data = config.webhook.data("headers", request, &["x-gitlab-token"], body);
        let event = Event::json(id, &data).of_kind(format!("com.gitlab.{}", word(kind))).at_ms(call::now_ms());
        Ok(Outcome { body: b"success".to_vec(), ..Outcome::events([event]) })
    }
}

impl Config {
    fn wants(&self, kind: &str, body: &Value) -> bool {
        if !self.events.is_empty() && !self.events.iter().any(|wanted| wanted == "*" || word(wanted) == word(kind)) {
            return false;
        }
        if self.projects.is_empty() && self.groups.is_empty() {
            return true;
        }
        let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let project = [text("/project/path_with_namespace"), text("/path_with_namespace")];
        let number = body.get("project_id").or_else(|| body.pointer("/project/id")).and_then(Value::as_u64);
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        let group = [text("/group_path"), text("/full_path")];
        let of_project =
            |wanted: &String| !wanted.is_empty() && (project.contains(&wanted.as_str()) || *wanted == number);
        let of_group = |wanted: &String| {
            let below = format!("{wanted}/");
            let inside = |path: &str| path == wanted.as_str() || path.starts_with(&below);
            !wanted.is_empty()
                && (project.iter().any(|path| path.starts_with(&below)) || group.iter().any(|path| inside(path)))
        };
        self.projects.iter().any(of_project) || self.groups.iter().any(of_group)
    }
}

/// One word of a kind of event, whoever wrote it: `PushEvents`, `Push Hook` and `push_events` are `push`; GitLab's own words of the two lists that differ are
/// brought together.
fn word(kind: &str) -> String {
    let letters: String =
        kind.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let stem = ["systemhook", "hook", "events", "event"].iter().find_map(|ending| letters.strip_suffix(ending));
    match stem.unwrap_or(&letters) {
        "issues" | "issue" | "confidentialissues" | "confidentialissue" => "issue",
        "mergerequests" | "mergerequest" => "mergerequest",
        "tagpush" => "tagpush",
        "notes" | "note" | "confidentialnote" => "note",
        "jobs" | "job" | "build" => "job",
        "pipelines" | "pipeline" => "pipeline",
        "wikipage" => "wikipage",
        "deployments" | "deployment" => "deployment",
        "releases" | "release" => "release",
        other => return other.to_owned(),
    }
    .to_owned()
}

colchis_sdk::export! {
    about: about!("gitlab", "Makes events of GitLab's webhooks"),
    event_receiver: Source,
}

#[cfg(test)]
mod tests {
    use colchis_sdk::testing;
    use serde_json::json;

    use super::*;

    const BODY: &str = r#"{"project":{"id":7,"path_with_namespace":"argo/crew/ship"},"project_id":7}"#;

    fn send(more: Value, headers: &[(&str, &str)], body: &str) -> Outcome {
        testing::set_secret("hook", "s3cret");
        let mut config = json!({"webhook": {"endpoint": "/push"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Incoming { method: "POST".into(), headers, body: body.into(), ..Incoming::default() };
        Source::on_request(colchis_sdk::parse(&config.to_string()).unwrap(), "example", &request).unwrap()
    }

    #[test]
    fn only_who_has_the_token_sends_events() {
        for (token, status, events) in
            [(Some("s3cret"), 200, 1), (Some("guess"), 403, 0), (Some(""), 401, 0), (None, 401, 0)]
        {
            let mut headers = vec![("X-Gitlab-Event", "Push Hook")];
            headers.extend(token.map(|token| ("x-gitlab-token", token)));
            let outcome = send(json!({"secretToken": "stand-in-for-hook"}), &headers, BODY);
            assert_eq!((outcome.status, outcome.events.len()), (status, events), "{token:?}");
            for event in outcome.events {
                assert!(!String::from_utf8(event.data).unwrap().contains("s3cret"));
            }
        }
        assert_eq!(send(json!({}), &[], BODY).status, 400);
        assert_eq!(send(json!({}), &[("X-Gitlab-Event", "Push Hook")], "{").status, 400);
    }

    #[test]
    fn events_projects_and_groups_are_chosen() {
        for (more, events) in [
            (json!({}), 1),
            (json!({"events": ["PushEvents"]}), 1),
            (json!({"events": ["Push Hook"]}), 1),
            (json!({"events": ["TagPushEvents", "MergeRequestsEvents"]}), 0),
            (json!({"projects": ["argo/crew/ship"]}), 1),
            (json!({"projects": ["7"]}), 1),
            (json!({"projects": ["8"]}), 0),
            (json!({"groups": ["argo"]}), 1),
            (json!({"groups": ["argo/crew"]}), 1),
            (json!({"groups": ["arg"]}), 0),
        ] {
            assert_eq!(send(more.clone(), &[("X-Gitlab-Event", "Push Hook")], BODY).events.len(), events, "{more}");
        }
        for (one, other) in [
            ("MergeRequestsEvents", "Merge Request Hook"),
            ("IssuesEvents", "Issue Hook"),
            ("TagPushEvents", "Tag Push Hook"),
            ("NoteEvents", "Note Hook"),
            ("JobEvents", "Job Hook"),
            ("PipelineEvents", "Pipeline Hook"),
            ("WikiPageEvents", "Wiki Page Hook"),
        ] {
            assert_eq!(word(one), word(other));
        }
    }

    #[test]
    fn what_is_sent_again_is_the_same_event() {
        let id = |uuid| {
            send(json!({}), &[("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Event-UUID", uuid)], BODY).events[0]
                .id
                .clone()
        };
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        let event = send(json!({}), &[("X-Gitlab-Event", "Merge Request Hook")], BODY).events.remove(0);
        assert_eq!(event.kind, "com.gitlab.mergerequest");
        for field in ["accessToken", "gitlabBaseURL", "deleteHookOnFinish", "enableSSLVerification"] {
            let config = json!({"webhook": {"endpoint": "/x"}, field: {}}).to_string();
            assert_eq!(colchis_sdk::parse::<Config>(&config).unwrap_err().field(), Some(field));
        }
    }
}
