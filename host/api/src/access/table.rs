//! The table: what each RPC needs. A new RPC does not compile until it has a row here.

use proto_gen::Rpc;

/// What an RPC needs of the caller, and how it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The verb that a role must have.
    pub verb: &'static str,
    /// On what.
    pub on: On,
    /// It changes something: an audit line tells of it.
    pub mutates: bool,
    /// How long it may take.
    pub pace: Pace,
}

/// What a verb is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Objects of this kind (its plural name).
    Kind(&'static str),
    /// Objects of the kind that the request names.
    Named,
    /// Nothing that needs a permission: every authenticated caller may ask.
    Anyone,
}

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One answer, soon: the server's default deadline holds unless the caller sets one.
    Short,
    /// One answer that the caller waits for; it bounds itself.
    Long,
    /// A stream: as long as the caller wants it.
    Stream,
}

const fn read(verb: &'static str, kind: &'static str) -> Rule {
    Rule { verb, on: On::Kind(kind), mutates: false, pace: Pace::Short }
}

const fn write(verb: &'static str, kind: &'static str) -> Rule {
    Rule { verb, on: On::Kind(kind), mutates: true, pace: Pace::Short }
}

const fn stream(verb: &'static str, kind: &'static str) -> Rule {
    Rule { verb, on: On::Kind(kind), mutates: false, pace: Pace::Stream }
}

const fn named(verb: &'static str, mutates: bool, pace: Pace) -> Rule {
    Rule { verb, on: On::Named, mutates, pace }
}

const fn anyone() -> Rule {
    Rule { verb: "", on: On::Anyone, mutates: false, pace: Pace::Short }
}

/// The row of an RPC.
pub const fn rule(rpc: Rpc) -> Rule {
    match rpc {
        Rpc::ResourcesGet => named("get", false, Pace::Short),
        Rpc::ResourcesGetStream => named("get", false, Pace::Stream),
        Rpc::ResourcesList => named("list", false, Pace::Short),
        Rpc::ResourcesWatch => named("watch", false, Pace::Stream),
        Rpc::ResourcesCreate => named("create", true, Pace::Short),
        Rpc::ResourcesUpdate => named("update", true, Pace::Short),
        Rpc::ResourcesPatch => named("patch", true, Pace::Short),
        // Creating by an apply needs `create` as well.
        Rpc::ResourcesApply => named("patch", true, Pace::Short),
        Rpc::ResourcesBatchApply => named("patch", true, Pace::Stream),
        Rpc::ResourcesDelete => named("delete", true, Pace::Short),
        Rpc::ResourcesListKinds => anyone(),

        Rpc::WorkflowsSubmit => write("submit", "workflows"),
        Rpc::WorkflowsSubmitStream => {
            Rule { verb: "submit", on: On::Kind("workflows"), mutates: true, pace: Pace::Stream }
        }
        Rpc::WorkflowsList => read("list", "workflows"),
        Rpc::WorkflowsGet => read("get", "workflows"),
        Rpc::WorkflowsGetStream => stream("get", "workflows"),
        Rpc::WorkflowsWatch => stream("watch", "workflows"),
        Rpc::WorkflowsListNodes => read("get", "workflows"),
        Rpc::WorkflowsWatchNodes => stream("watch", "workflows"),
        Rpc::WorkflowsWait => Rule { verb: "get", on: On::Kind("workflows"), mutates: false, pace: Pace::Long },
        Rpc::WorkflowsStop => write("stop", "workflows"),
        Rpc::WorkflowsTerminate => write("terminate", "workflows"),
        Rpc::WorkflowsSuspend => write("suspend", "workflows"),
        Rpc::WorkflowsResume => write("resume", "workflows"),
        Rpc::WorkflowsRetry => write("retry", "workflows"),
        Rpc::WorkflowsResubmit => write("resubmit", "workflows"),
        Rpc::WorkflowsSetNode => write("set", "workflows"),
        Rpc::WorkflowsDelete => write("delete", "workflows"),
        Rpc::WorkflowsLint => read("lint", "workflows"),

        // Cluster templates are asked for by the handler, when the request means them.
        Rpc::TemplatesList => read("list", "workflowtemplates"),
        Rpc::TemplatesDescribe => read("get", "workflowtemplates"),
        Rpc::TemplatesLint => read("lint", "workflowtemplates"),

        Rpc::CronWorkflowsList => read("list", "cronworkflows"),
        Rpc::CronWorkflowsSuspend => write("suspend", "cronworkflows"),
        Rpc::CronWorkflowsResume => write("resume", "cronworkflows"),
        Rpc::CronWorkflowsBackfill => write("backfill", "cronworkflows"),
        Rpc::CronWorkflowsNextRuns => read("get", "cronworkflows"),

        Rpc::ArchiveList => read("list", "workflows"),
        Rpc::ArchiveGet => stream("get", "workflows"),
        Rpc::ArchiveRetry => write("retry", "workflows"),
        Rpc::ArchiveResubmit => write("resubmit", "workflows"),
        Rpc::ArchiveDelete => write("delete", "workflows"),
        Rpc::ArchiveListLabelKeys => read("list", "workflows"),
        Rpc::ArchiveListLabelValues => read("list", "workflows"),

        Rpc::LogsStream => stream("logs", "workflows"),

        Rpc::ArtifactsList => read("artifacts", "workflows"),
        Rpc::ArtifactsListFiles => read("artifacts", "workflows"),
        Rpc::ArtifactsGet => stream("artifacts", "workflows"),
        Rpc::ArtifactsPut => Rule { verb: "upload", on: On::Kind("workflows"), mutates: true, pace: Pace::Stream },

        Rpc::PluginsListPlugins => read("list", "plugins"),
        Rpc::PluginsGetPlugin => read("get", "plugins"),
        // Compiling a component costs the server more than reading.
        Rpc::PluginsInspectPlugin => {
            Rule { verb: "inspect", on: On::Kind("plugins"), mutates: false, pace: Pace::Long }
        }
        Rpc::PluginsCheckConfig => read("get", "plugins"),
        // With all that the plugin is granted, whatever the caller may do by itself.
        Rpc::PluginsCallPlugin => Rule { verb: "call", on: On::Kind("plugins"), mutates: true, pace: Pace::Long },
        Rpc::PluginsStreamLogs => stream("logs", "plugins"),

        Rpc::InfoGetServerInfo => anyone(),
        Rpc::InfoWhoAmI => anyone(),
        Rpc::InfoCheckAccess => anyone(),
    }
}

/// Every verb of the table, and those that handlers ask for beside it.
pub(crate) const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "submit",
    "stop",
    "terminate",
    "suspend",
    "resume",
    "retry",
    "resubmit",
    "set",
    "lint",
    "backfill",
    "logs",
    "artifacts",
    "upload",
    "inspect",
    "call",
    "reveal",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_has_a_rule_that_makes_sense() {
        for rpc in Rpc::ALL {
            let rule = rule(*rpc);
            let name = rpc.name();
            if rule.on == On::Anyone {
                assert!(!rule.mutates, "{name} changes something without a permission");
                assert!(name.starts_with("Info.") || name == "Resources.ListKinds", "{name} is open to all");
            } else {
                assert!(VERBS.contains(&rule.verb), "{name}: the verb {} is unknown", rule.verb);
            }
            if let On::Kind(kind) = rule.on {
                assert!(model::meta::kinds().iter().any(|k| k.plural == kind), "{name}: the kind {kind} is unknown");
            }
            if !rpc.streams() {
                assert_ne!(rule.pace, Pace::Stream, "{name} is no stream");
            }
            let reads = ["get", "list", "watch", "lint", "logs", "artifacts", "inspect", ""];
            assert_eq!(rule.mutates, !reads.contains(&rule.verb), "{name}");
        }
    }
}
