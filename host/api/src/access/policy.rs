//! Roles and their bindings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::identity::Identity;
use super::table::VERBS;

/// Everything.
const ALL: &str = "*";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The kind's plural name.
    pub resource: &'a str,
    /// Where; `None`: in all namespaces at once.
    pub namespace: Option<&'a str>,
    /// The kind has no namespaces (`namespace` is then without meaning).
    pub cluster_scoped: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, by this role.
    Allowed {
        /// The role's name.
        role: String,
    },
    /// No.
    Denied,
}

/// Decides what an identity may do.
pub trait Authorizer: Send + Sync + 'static {
    /// Whether it may.
    fn decide(&self, identity: &Identity, asked: &Asked<'_>) -> Decision;

    /// The namespaces in which it may, in order; `None` means everywhere.
    fn namespaces(&self, identity: &Identity, verb: &str, resource: &str) -> Option<Vec<String>>;

    /// Everything it may.
    fn rules(&self, identity: &Identity) -> Vec<AccessRule>;
}

/// Something an identity may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// Verbs.
    pub verbs: Vec<String>,
    /// Kinds.
    pub resources: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// By which role.
    pub role: String,
}

/// Roles and who has them where. The roles `view`, `edit` and `admin` are there without being written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Roles by name.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Who has them.
    #[serde(default)]
    pub bindings: Vec<Binding>,
}

/// What a role allows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Role {
    /// Any of these.
    pub rules: Vec<RoleRule>,
}

/// Verbs on kinds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RoleRule {
    /// `get`, `list`, `submit`, …; `*`: all.
    pub verbs: BTreeSet<String>,
    /// Plural names (`workflows`); `*`: all but `secrets`, which are named or are not meant.
    pub resources: BTreeSet<String>,
}

/// Who has a role, and where.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Binding {
    /// The role.
    pub role: String,
    /// Users; `*`: every authenticated one.
    #[serde(default)]
    pub users: BTreeSet<String>,
    /// Groups.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Namespaces; `*`: all, and kinds without namespaces.
    #[serde(default)]
    pub namespaces: BTreeSet<String>,
    /// Kinds without namespaces (cluster workflow templates), too.
    #[serde(default)]
    pub cluster: bool,
}

/// A policy that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PolicyError {
    /// `bindings[2].role`.
    pub path: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl Policy {
    /// Reads and checks a policy's JSON value.
    pub fn from_value(value: serde_json::Value) -> Result<Self, PolicyError> {
        let policy: Self = serde_json::from_value(value)
            .map_err(|error| PolicyError { path: "policy".to_owned(), reason: error.to_string() })?;
        policy.completed()
    }

    /// Adds the built-in roles and refuses what names nothing.
    pub fn completed(mut self) -> Result<Self, PolicyError> {
        for (name, role) in built_in() {
            if self.roles.contains_key(name) {
                let reason = "the role is built in and cannot be written anew; choose another name".to_owned();
                return Err(PolicyError { path: format!("roles.{name}"), reason });
            }
            self.roles.insert(name.to_owned(), role);
        }
        for (name, role) in &self.roles {
            for (at, rule) in role.rules.iter().enumerate() {
                let path = |field: &str| format!("roles.{name}.rules[{at}].{field}");
                if let Some(verb) = rule.verbs.iter().find(|verb| *verb != ALL && !VERBS.contains(&verb.as_str())) {
                    let reason = format!("the verb `{verb}` is not known; known are {}", VERBS.join(", "));
                    return Err(PolicyError { path: path("verbs"), reason });
                }
                if rule.verbs.is_empty() || rule.resources.is_empty() {
                    return Err(PolicyError { path: path("verbs"), reason: "it allows nothing".to_owned() });
                }
            }
        }
        for (at, binding) in self.bindings.iter().enumerate() {
            let problem = if !self.roles.contains_key(&binding.role) {
                let known: Vec<&str> = self.roles.keys().map(String::as_str).collect();
                Some(("role", format!("there is no role `{}`; there are {}", binding.role, known.join(", "))))
            } else if binding.users.is_empty() && binding.groups.is_empty() {
                Some(("users", "it names nobody: give `users` or `groups`".to_owned()))
            } else if binding.namespaces.is_empty() && !binding.cluster {
                Some(("namespaces", "it holds nowhere: give `namespaces` (`*`: everywhere) or `cluster`".to_owned()))
            } else {
                None
            };
            if let Some((field, reason)) = problem {
                return Err(PolicyError { path: format!("bindings[{at}].{field}"), reason });
            }
        }
        Ok(self)
    }

    fn bindings_of<'a>(&'a self, identity: &'a Identity) -> impl Iterator<Item = (&'a Binding, &'a Role)> {
        let bound = |binding: &&Binding| {
            binding.users.contains(ALL)
                || binding.users.contains(&*identity.user)
                || identity.groups.iter().any(|group| binding.groups.contains(group))
        };
        self.bindings.iter().filter(bound).filter_map(|binding| Some((binding, self.roles.get(&binding.role)?)))
    }
}

impl Role {
    fn allows(&self, verb: &str, resource: &str) -> bool {
        self.rules.iter().any(|rule| {
            (rule.verbs.contains(ALL) || rule.verbs.contains(verb))
                && (rule.resources.contains(resource) || (rule.resources.contains(ALL) && resource != "secrets"))
        })
    }
}

impl Binding {
    fn holds(&self, asked: &Asked<'_>) -> bool {
        let everywhere = self.namespaces.contains(ALL);
        match asked.namespace {
            _ if everywhere => true,
            _ if asked.cluster_scoped => self.cluster,
            Some(namespace) => self.namespaces.contains(namespace),
            None => false,
        }
    }
}

impl Authorizer for Policy {
    fn decide(&self, identity: &Identity, asked: &Asked<'_>) -> Decision {
        let mut found = self
            .bindings_of(identity)
            .filter(|(binding, role)| binding.holds(asked) && role.allows(asked.verb, asked.resource));
        match found.next() {
            Some((binding, _)) => Decision::Allowed { role: binding.role.clone() },
            None => Decision::Denied,
        }
    }

    fn namespaces(&self, identity: &Identity, verb: &str, resource: &str) -> Option<Vec<String>> {
        let mut all = BTreeSet::new();
        for (binding, _) in self.bindings_of(identity).filter(|(_, role)| role.allows(verb, resource)) {
            if binding.namespaces.contains(ALL) {
                return None;
            }
            all.extend(binding.namespaces.iter().cloned());
        }
        Some(all.into_iter().collect())
    }

    fn rules(&self, identity: &Identity) -> Vec<AccessRule> {
        let texts = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        self.bindings_of(identity)
            .flat_map(|(binding, role)| {
                role.rules.iter().map(move |rule| AccessRule {
                    verbs: texts(&rule.verbs),
                    resources: texts(&rule.resources),
                    namespaces: texts(&binding.namespaces),
                    role: binding.role.clone(),
                })
            })
            .collect()
    }
}

/// `view` reads all but secrets, `edit` also writes all but secrets and cluster-wide definitions, `admin` may everything.
fn built_in() -> [(&'static str, Role); 3] {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let rule = |verbs: &[&str], resources: &[&str]| RoleRule { verbs: set(verbs), resources: set(resources) };
    let reading: &[&str] = &["get", "list", "watch", "lint", "logs", "artifacts"];
    let objects: &[&str] = &[
        "workflows",
        "workflowtemplates",
        "clusterworkflowtemplates",
        "cronworkflows",
        "workfloweventbindings",
        "configmaps",
        "persistentvolumeclaims",
    ];
    let view = Role { rules: vec![rule(reading, &[ALL])] };
    let edit = Role {
        rules: vec![
            rule(reading, &[ALL]),
            rule(&[ALL], objects),
            // Names and keys, so that manifests can be checked; values need `reveal`.
            rule(&["get", "list"], &["secrets"]),
        ],
    };
    let admin = Role { rules: vec![rule(&[ALL], &[ALL, "secrets"])] };
    [("view", view), ("edit", edit), ("admin", admin)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy::from_value(serde_json::json!({
            "roles": {"runner": {"rules": [{"verbs": ["submit", "get"], "resources": ["workflows"]}]}},
            "bindings": [
                {"role": "admin", "users": ["root"], "namespaces": ["*"]},
                {"role": "view", "groups": ["dev"], "namespaces": ["team-a", "team-b"], "cluster": true},
                {"role": "runner", "users": ["ci"], "namespaces": ["team-a"]},
                {"role": "edit", "users": ["eve"], "namespaces": ["team-b"]}
            ]
        }))
        .unwrap()
    }

    fn who(user: &str, groups: &[&str]) -> Identity {
        let groups: Vec<String> = groups.iter().map(|g| (*g).to_owned()).collect();
        Identity { user: user.into(), groups: groups.into(), authenticator: "token" }
    }

    /// `user[+group] verb resource namespace`: `*` is all namespaces, `-` a kind without namespaces.
    fn may(question: &str) -> bool {
        let words: Vec<&str> = question.split(' ').collect();
        let (user, group) = words[0].split_once('+').map_or((words[0], None), |(u, g)| (u, Some(g)));
        let groups: Vec<&str> = group.into_iter().collect();
        let namespace = (words[3] != "*").then_some(words[3]);
        let asked = Asked { verb: words[1], resource: words[2], namespace, cluster_scoped: words[3] == "-" };
        policy().decide(&who(user, &groups), &asked) != Decision::Denied
    }

    #[test]
    fn who_may_what_where() {
        for question in [
            "root delete secrets any",
            "root reveal secrets any",
            "root list workflows *",
            "root create clusterworkflowtemplates -",
            "x+dev get workflows team-a",
            "x+dev logs workflows team-b",
            "x+dev get clusterworkflowtemplates -",
            "x+dev logs plugins -",
            "root call plugins -",
            "ci submit workflows team-a",
            "eve submit workflows team-b",
            "eve get secrets team-b",
        ] {
            assert!(may(question), "{question} is denied");
        }
        for question in [
            "nobody get workflows team-a",
            "x+dev get workflows team-c",
            "x+dev list workflows *",
            "x+dev get secrets team-a",
            "x+dev submit workflows team-a",
            "ci submit workflows team-b",
            "ci delete workflows team-a",
            "ci get clusterworkflowtemplates -",
            "eve reveal secrets team-b",
            "eve create secrets team-b",
            "eve create clusterworkflowtemplates -",
            "eve create customresourcedefinitions -",
            "x+dev call plugins -",
            "x+dev inspect plugins -",
            "eve create plugins -",
            "eve list plugins -",
        ] {
            assert!(!may(question), "{question} is allowed");
        }
    }

    #[test]
    fn the_namespaces_of_a_caller_are_known() {
        let policy = policy();
        assert_eq!(policy.namespaces(&who("root", &[]), "list", "workflows"), None);
        assert_eq!(
            policy.namespaces(&who("eve", &["dev"]), "list", "workflows"),
            Some(vec!["team-a".to_owned(), "team-b".to_owned()])
        );
        assert_eq!(policy.namespaces(&who("nobody", &[]), "list", "workflows"), Some(vec![]));
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_refused_with_its_path() {
        for (value, path) in [
            (
                serde_json::json!({"bindings": [{"role": "vieww", "users": ["a"], "namespaces": ["*"]}]}),
                "bindings[0].role",
            ),
            (serde_json::json!({"bindings": [{"role": "view", "namespaces": ["*"]}]}), "bindings[0].users"),
            (serde_json::json!({"bindings": [{"role": "view", "users": ["a"]}]}), "bindings[0].namespaces"),
            (
                serde_json::json!({"roles": {"r": {"rules": [{"verbs": ["gett"], "resources": ["*"]}]}}}),
                "roles.r.rules[0].verbs",
            ),
            (serde_json::json!({"roles": {"admin": {"rules": []}}}), "roles.admin"),
            (serde_json::json!({"rolez": {}}), "policy"),
        ] {
            assert_eq!(Policy::from_value(value).unwrap_err().path, path);
        }
    }
}
