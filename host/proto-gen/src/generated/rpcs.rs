// Generated from proto/colchis/v1. Do not edit.

/// Every RPC of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rpc {
    /// `Workflows.Submit`.
    WorkflowsSubmit,
    /// `Workflows.SubmitStream`.
    WorkflowsSubmitStream,
    /// `Workflows.List`.
    WorkflowsList,
    /// `Workflows.Get`.
    WorkflowsGet,
    /// `Workflows.GetStream`.
    WorkflowsGetStream,
    /// `Workflows.Watch`.
    WorkflowsWatch,
    /// `Workflows.ListNodes`.
    WorkflowsListNodes,
    /// `Workflows.WatchNodes`.
    WorkflowsWatchNodes,
    /// `Workflows.Wait`.
    WorkflowsWait,
    /// `Workflows.Stop`.
    WorkflowsStop,
    /// `Workflows.Terminate`.
    WorkflowsTerminate,
    /// `Workflows.Suspend`.
    WorkflowsSuspend,
    /// `Workflows.Resume`.
    WorkflowsResume,
    /// `Workflows.Retry`.
    WorkflowsRetry,
    /// `Workflows.Resubmit`.
    WorkflowsResubmit,
    /// `Workflows.SetNode`.
    WorkflowsSetNode,
    /// `Workflows.Delete`.
    WorkflowsDelete,
    /// `Workflows.Lint`.
    WorkflowsLint,
    /// `Archive.List`.
    ArchiveList,
    /// `Archive.Get`.
    ArchiveGet,
    /// `Archive.Retry`.
    ArchiveRetry,
    /// `Archive.Resubmit`.
    ArchiveResubmit,
    /// `Archive.Delete`.
    ArchiveDelete,
    /// `Archive.ListLabelKeys`.
    ArchiveListLabelKeys,
    /// `Archive.ListLabelValues`.
    ArchiveListLabelValues,
    /// `Artifacts.List`.
    ArtifactsList,
    /// `Artifacts.ListFiles`.
    ArtifactsListFiles,
    /// `Artifacts.Get`.
    ArtifactsGet,
    /// `Artifacts.Put`.
    ArtifactsPut,
    /// `CronWorkflows.List`.
    CronWorkflowsList,
    /// `CronWorkflows.Suspend`.
    CronWorkflowsSuspend,
    /// `CronWorkflows.Resume`.
    CronWorkflowsResume,
    /// `CronWorkflows.Backfill`.
    CronWorkflowsBackfill,
    /// `CronWorkflows.NextRuns`.
    CronWorkflowsNextRuns,
    /// `Info.GetServerInfo`.
    InfoGetServerInfo,
    /// `Info.WhoAmI`.
    InfoWhoAmI,
    /// `Info.CheckAccess`.
    InfoCheckAccess,
    /// `Logs.Stream`.
    LogsStream,
    /// `Plugins.ListPlugins`.
    PluginsListPlugins,
    /// `Plugins.GetPlugin`.
    PluginsGetPlugin,
    /// `Plugins.InspectPlugin`.
    PluginsInspectPlugin,
    /// `Plugins.CheckConfig`.
    PluginsCheckConfig,
    /// `Plugins.CallPlugin`.
    PluginsCallPlugin,
    /// `Plugins.StreamLogs`.
    PluginsStreamLogs,
    /// `Resources.Get`.
    ResourcesGet,
    /// `Resources.GetStream`.
    ResourcesGetStream,
    /// `Resources.List`.
    ResourcesList,
    /// `Resources.Watch`.
    ResourcesWatch,
    /// `Resources.Create`.
    ResourcesCreate,
    /// `Resources.Update`.
    ResourcesUpdate,
    /// `Resources.Patch`.
    ResourcesPatch,
    /// `Resources.Apply`.
    ResourcesApply,
    /// `Resources.BatchApply`.
    ResourcesBatchApply,
    /// `Resources.Delete`.
    ResourcesDelete,
    /// `Resources.ListKinds`.
    ResourcesListKinds,
    /// `Templates.List`.
    TemplatesList,
    /// `Templates.Describe`.
    TemplatesDescribe,
    /// `Templates.Lint`.
    TemplatesLint,
}

impl Rpc {
    /// All of them, in the order of the proto files.
    pub const ALL: &[Rpc] = &[
        Rpc::WorkflowsSubmit,
        Rpc::WorkflowsSubmitStream,
        Rpc::WorkflowsList,
        Rpc::WorkflowsGet,
        Rpc::WorkflowsGetStream,
        Rpc::WorkflowsWatch,
        Rpc::WorkflowsListNodes,
        Rpc::WorkflowsWatchNodes,
        Rpc::WorkflowsWait,
        Rpc::WorkflowsStop,
        Rpc::WorkflowsTerminate,
        Rpc::WorkflowsSuspend,
        Rpc::WorkflowsResume,
        Rpc::WorkflowsRetry,
        Rpc::WorkflowsResubmit,
        Rpc::WorkflowsSetNode,
        Rpc::WorkflowsDelete,
        Rpc::WorkflowsLint,
        Rpc::ArchiveList,
        Rpc::ArchiveGet,
        Rpc::ArchiveRetry,
        Rpc::ArchiveResubmit,
        Rpc::ArchiveDelete,
        Rpc::ArchiveListLabelKeys,
        Rpc::ArchiveListLabelValues,
        Rpc::ArtifactsList,
        Rpc::ArtifactsListFiles,
        Rpc::ArtifactsGet,
        Rpc::ArtifactsPut,
        Rpc::CronWorkflowsList,
        Rpc::CronWorkflowsSuspend,
        Rpc::CronWorkflowsResume,
        Rpc::CronWorkflowsBackfill,
        Rpc::CronWorkflowsNextRuns,
        Rpc::InfoGetServerInfo,
        Rpc::InfoWhoAmI,
        Rpc::InfoCheckAccess,
        Rpc::LogsStream,
        Rpc::PluginsListPlugins,
        Rpc::PluginsGetPlugin,
        Rpc::PluginsInspectPlugin,
        Rpc::PluginsCheckConfig,
        Rpc::PluginsCallPlugin,
        Rpc::PluginsStreamLogs,
        Rpc::ResourcesGet,
        Rpc::ResourcesGetStream,
        Rpc::ResourcesList,
        Rpc::ResourcesWatch,
        Rpc::ResourcesCreate,
        Rpc::ResourcesUpdate,
        Rpc::ResourcesPatch,
        Rpc::ResourcesApply,
        Rpc::ResourcesBatchApply,
        Rpc::ResourcesDelete,
        Rpc::ResourcesListKinds,
        Rpc::TemplatesList,
        Rpc::TemplatesDescribe,
        Rpc::TemplatesLint,
    ];

    /// The path of its HTTP/2 requests.
    pub const fn path(self) -> &'static str {
        match self {
            Rpc::WorkflowsSubmit => "/colchis.v1.Workflows/Submit",
            Rpc::WorkflowsSubmitStream => "/colchis.v1.Workflows/SubmitStream",
            Rpc::WorkflowsList => "/colchis.v1.Workflows/List",
            Rpc::WorkflowsGet => "/colchis.v1.Workflows/Get",
            Rpc::WorkflowsGetStream => "/colchis.v1.Workflows/GetStream",
            Rpc::WorkflowsWatch => "/colchis.v1.Workflows/Watch",
            Rpc::WorkflowsListNodes => "/colchis.v1.Workflows/ListNodes",
            Rpc::WorkflowsWatchNodes => "/colchis.v1.Workflows/WatchNodes",
            Rpc::WorkflowsWait => "/colchis.v1.Workflows/Wait",
            Rpc::WorkflowsStop => "/colchis.v1.Workflows/Stop",
            Rpc::WorkflowsTerminate => "/colchis.v1.Workflows/Terminate",
            Rpc::WorkflowsSuspend => "/colchis.v1.Workflows/Suspend",
            Rpc::WorkflowsResume => "/colchis.v1.Workflows/Resume",
            Rpc::WorkflowsRetry => "/colchis.v1.Workflows/Retry",
            Rpc::WorkflowsResubmit => "/colchis.v1.Workflows/Resubmit",
            Rpc::WorkflowsSetNode => "/colchis.v1.Workflows/SetNode",
            Rpc::WorkflowsDelete => "/colchis.v1.Workflows/Delete",
            Rpc::WorkflowsLint => "/colchis.v1.Workflows/Lint",
            Rpc::ArchiveList => "/colchis.v1.Archive/List",
            Rpc::ArchiveGet => "/colchis.v1.Archive/Get",
            Rpc::ArchiveRetry => "/colchis.v1.Archive/Retry",
            Rpc::ArchiveResubmit => "/colchis.v1.Archive/Resubmit",
            Rpc::ArchiveDelete => "/colchis.v1.Archive/Delete",
            Rpc::ArchiveListLabelKeys => "/colchis.v1.Archive/ListLabelKeys",
            Rpc::ArchiveListLabelValues => "/colchis.v1.Archive/ListLabelValues",
            Rpc::ArtifactsList => "/colchis.v1.Artifacts/List",
            Rpc::ArtifactsListFiles => "/colchis.v1.Artifacts/ListFiles",
            Rpc::ArtifactsGet => "/colchis.v1.Artifacts/Get",
            Rpc::ArtifactsPut => "/colchis.v1.Artifacts/Put",
            Rpc::CronWorkflowsList => "/colchis.v1.CronWorkflows/List",
            Rpc::CronWorkflowsSuspend => "/colchis.v1.CronWorkflows/Suspend",
            Rpc::CronWorkflowsResume => "/colchis.v1.CronWorkflows/Resume",
            Rpc::CronWorkflowsBackfill => "/colchis.v1.CronWorkflows/Backfill",
            Rpc::CronWorkflowsNextRuns => "/colchis.v1.CronWorkflows/NextRuns",
            Rpc::InfoGetServerInfo => "/colchis.v1.Info/GetServerInfo",
            Rpc::InfoWhoAmI => "/colchis.v1.Info/WhoAmI",
            Rpc::InfoCheckAccess => "/colchis.v1.Info/CheckAccess",
            Rpc::LogsStream => "/colchis.v1.Logs/Stream",
            Rpc::PluginsListPlugins => "/colchis.v1.Plugins/ListPlugins",
            Rpc::PluginsGetPlugin => "/colchis.v1.Plugins/GetPlugin",
            Rpc::PluginsInspectPlugin => "/colchis.v1.Plugins/InspectPlugin",
            Rpc::PluginsCheckConfig => "/colchis.v1.Plugins/CheckConfig",
            Rpc::PluginsCallPlugin => "/colchis.v1.Plugins/CallPlugin",
            Rpc::PluginsStreamLogs => "/colchis.v1.Plugins/StreamLogs",
            Rpc::ResourcesGet => "/colchis.v1.Resources/Get",
            Rpc::ResourcesGetStream => "/colchis.v1.Resources/GetStream",
            Rpc::ResourcesList => "/colchis.v1.Resources/List",
            Rpc::ResourcesWatch => "/colchis.v1.Resources/Watch",
            Rpc::ResourcesCreate => "/colchis.v1.Resources/Create",
            Rpc::ResourcesUpdate => "/colchis.v1.Resources/Update",
            Rpc::ResourcesPatch => "/colchis.v1.Resources/Patch",
            Rpc::ResourcesApply => "/colchis.v1.Resources/Apply",
            Rpc::ResourcesBatchApply => "/colchis.v1.Resources/BatchApply",
            Rpc::ResourcesDelete => "/colchis.v1.Resources/Delete",
            Rpc::ResourcesListKinds => "/colchis.v1.Resources/ListKinds",
            Rpc::TemplatesList => "/colchis.v1.Templates/List",
            Rpc::TemplatesDescribe => "/colchis.v1.Templates/Describe",
            Rpc::TemplatesLint => "/colchis.v1.Templates/Lint",
        }
    }

    /// `Service.Method`, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Rpc::WorkflowsSubmit => "Workflows.Submit",
            Rpc::WorkflowsSubmitStream => "Workflows.SubmitStream",
            Rpc::WorkflowsList => "Workflows.List",
            Rpc::WorkflowsGet => "Workflows.Get",
            Rpc::WorkflowsGetStream => "Workflows.GetStream",
            Rpc::WorkflowsWatch => "Workflows.Watch",
            Rpc::WorkflowsListNodes => "Workflows.ListNodes",
            Rpc::WorkflowsWatchNodes => "Workflows.WatchNodes",
            Rpc::WorkflowsWait => "Workflows.Wait",
            Rpc::WorkflowsStop => "Workflows.Stop",
            Rpc::WorkflowsTerminate => "Workflows.Terminate",
            Rpc::WorkflowsSuspend => "Workflows.Suspend",
            Rpc::WorkflowsResume => "Workflows.Resume",
            Rpc::WorkflowsRetry => "Workflows.Retry",
            Rpc::WorkflowsResubmit => "Workflows.Resubmit",
            Rpc::WorkflowsSetNode => "Workflows.SetNode",
            Rpc::WorkflowsDelete => "Workflows.Delete",
            Rpc::WorkflowsLint => "Workflows.Lint",
            Rpc::ArchiveList => "Archive.List",
            Rpc::ArchiveGet => "Archive.Get",
            Rpc::ArchiveRetry => "Archive.Retry",
            Rpc::ArchiveResubmit => "Archive.Resubmit",
            Rpc::ArchiveDelete => "Archive.Delete",
            Rpc::ArchiveListLabelKeys => "Archive.ListLabelKeys",
            Rpc::ArchiveListLabelValues => "Archive.ListLabelValues",
            Rpc::ArtifactsList => "Artifacts.List",
            Rpc::ArtifactsListFiles => "Artifacts.ListFiles",
            Rpc::ArtifactsGet => "Artifacts.Get",
            Rpc::ArtifactsPut => "Artifacts.Put",
            Rpc::CronWorkflowsList => "CronWorkflows.List",
            Rpc::CronWorkflowsSuspend => "CronWorkflows.Suspend",
            Rpc::CronWorkflowsResume => "CronWorkflows.Resume",
            Rpc::CronWorkflowsBackfill => "CronWorkflows.Backfill",
            Rpc::CronWorkflowsNextRuns => "CronWorkflows.NextRuns",
            Rpc::InfoGetServerInfo => "Info.GetServerInfo",
            Rpc::InfoWhoAmI => "Info.WhoAmI",
            Rpc::InfoCheckAccess => "Info.CheckAccess",
            Rpc::LogsStream => "Logs.Stream",
            Rpc::PluginsListPlugins => "Plugins.ListPlugins",
            Rpc::PluginsGetPlugin => "Plugins.GetPlugin",
            Rpc::PluginsInspectPlugin => "Plugins.InspectPlugin",
            Rpc::PluginsCheckConfig => "Plugins.CheckConfig",
            Rpc::PluginsCallPlugin => "Plugins.CallPlugin",
            Rpc::PluginsStreamLogs => "Plugins.StreamLogs",
            Rpc::ResourcesGet => "Resources.Get",
            Rpc::ResourcesGetStream => "Resources.GetStream",
            Rpc::ResourcesList => "Resources.List",
            Rpc::ResourcesWatch => "Resources.Watch",
            Rpc::ResourcesCreate => "Resources.Create",
            Rpc::ResourcesUpdate => "Resources.Update",
            Rpc::ResourcesPatch => "Resources.Patch",
            Rpc::ResourcesApply => "Resources.Apply",
            Rpc::ResourcesBatchApply => "Resources.BatchApply",
            Rpc::ResourcesDelete => "Resources.Delete",
            Rpc::ResourcesListKinds => "Resources.ListKinds",
            Rpc::TemplatesList => "Templates.List",
            Rpc::TemplatesDescribe => "Templates.Describe",
            Rpc::TemplatesLint => "Templates.Lint",
        }
    }

    /// Whether its request or response is a stream.
    pub const fn streams(self) -> bool {
        match self {
            Rpc::WorkflowsSubmit => false,
            Rpc::WorkflowsSubmitStream => true,
            Rpc::WorkflowsList => false,
            Rpc::WorkflowsGet => false,
            Rpc::WorkflowsGetStream => true,
            Rpc::WorkflowsWatch => true,
            Rpc::WorkflowsListNodes => false,
            Rpc::WorkflowsWatchNodes => true,
            Rpc::WorkflowsWait => false,
            Rpc::WorkflowsStop => false,
            Rpc::WorkflowsTerminate => false,
            Rpc::WorkflowsSuspend => false,
            Rpc::WorkflowsResume => false,
            Rpc::WorkflowsRetry => false,
            Rpc::WorkflowsResubmit => false,
            Rpc::WorkflowsSetNode => false,
            Rpc::WorkflowsDelete => false,
            Rpc::WorkflowsLint => false,
            Rpc::ArchiveList => false,
            Rpc::ArchiveGet => true,
            Rpc::ArchiveRetry => false,
            Rpc::ArchiveResubmit => false,
            Rpc::ArchiveDelete => false,
            Rpc::ArchiveListLabelKeys => false,
            Rpc::ArchiveListLabelValues => false,
            Rpc::ArtifactsList => false,
            Rpc::ArtifactsListFiles => false,
            Rpc::ArtifactsGet => true,
            Rpc::ArtifactsPut => true,
            Rpc::CronWorkflowsList => false,
            Rpc::CronWorkflowsSuspend => false,
            Rpc::CronWorkflowsResume => false,
            Rpc::CronWorkflowsBackfill => false,
            Rpc::CronWorkflowsNextRuns => false,
            Rpc::InfoGetServerInfo => false,
            Rpc::InfoWhoAmI => false,
            Rpc::InfoCheckAccess => false,
            Rpc::LogsStream => true,
            Rpc::PluginsListPlugins => false,
            Rpc::PluginsGetPlugin => false,
            Rpc::PluginsInspectPlugin => true,
            Rpc::PluginsCheckConfig => false,
            Rpc::PluginsCallPlugin => false,
            Rpc::PluginsStreamLogs => true,
            Rpc::ResourcesGet => false,
            Rpc::ResourcesGetStream => true,
            Rpc::ResourcesList => false,
            Rpc::ResourcesWatch => true,
            Rpc::ResourcesCreate => false,
            Rpc::ResourcesUpdate => false,
            Rpc::ResourcesPatch => false,
            Rpc::ResourcesApply => false,
            Rpc::ResourcesBatchApply => true,
            Rpc::ResourcesDelete => false,
            Rpc::ResourcesListKinds => false,
            Rpc::TemplatesList => false,
            Rpc::TemplatesDescribe => false,
            Rpc::TemplatesLint => false,
        }
    }

    /// The RPC that a path means.
    pub fn from_path(path: &str) -> Option<Rpc> {
        Some(match path {
            "/colchis.v1.Workflows/Submit" => Rpc::WorkflowsSubmit,
            "/colchis.v1.Workflows/SubmitStream" => Rpc::WorkflowsSubmitStream,
            "/colchis.v1.Workflows/List" => Rpc::WorkflowsList,
            "/colchis.v1.Workflows/Get" => Rpc::WorkflowsGet,
            "/colchis.v1.Workflows/GetStream" => Rpc::WorkflowsGetStream,
            "/colchis.v1.Workflows/Watch" => Rpc::WorkflowsWatch,
            "/colchis.v1.Workflows/ListNodes" => Rpc::WorkflowsListNodes,
            "/colchis.v1.Workflows/WatchNodes" => Rpc::WorkflowsWatchNodes,
            "/colchis.v1.Workflows/Wait" => Rpc::WorkflowsWait,
            "/colchis.v1.Workflows/Stop" => Rpc::WorkflowsStop,
            "/colchis.v1.Workflows/Terminate" => Rpc::WorkflowsTerminate,
            "/colchis.v1.Workflows/Suspend" => Rpc::WorkflowsSuspend,
            "/colchis.v1.Workflows/Resume" => Rpc::WorkflowsResume,
            "/colchis.v1.Workflows/Retry" => Rpc::WorkflowsRetry,
            "/colchis.v1.Workflows/Resubmit" => Rpc::WorkflowsResubmit,
            "/colchis.v1.Workflows/SetNode" => Rpc::WorkflowsSetNode,
            "/colchis.v1.Workflows/Delete" => Rpc::WorkflowsDelete,
            "/colchis.v1.Workflows/Lint" => Rpc::WorkflowsLint,
            "/colchis.v1.Archive/List" => Rpc::ArchiveList,
            "/colchis.v1.Archive/Get" => Rpc::ArchiveGet,
            "/colchis.v1.Archive/Retry" => Rpc::ArchiveRetry,
            "/colchis.v1.Archive/Resubmit" => Rpc::ArchiveResubmit,
            "/colchis.v1.Archive/Delete" => Rpc::ArchiveDelete,
            "/colchis.v1.Archive/ListLabelKeys" => Rpc::ArchiveListLabelKeys,
            "/colchis.v1.Archive/ListLabelValues" => Rpc::ArchiveListLabelValues,
            "/colchis.v1.Artifacts/List" => Rpc::ArtifactsList,
            "/colchis.v1.Artifacts/ListFiles" => Rpc::ArtifactsListFiles,
            "/colchis.v1.Artifacts/Get" => Rpc::ArtifactsGet,
            "/colchis.v1.Artifacts/Put" => Rpc::ArtifactsPut,
            "/colchis.v1.CronWorkflows/List" => Rpc::CronWorkflowsList,
            "/colchis.v1.CronWorkflows/Suspend" => Rpc::CronWorkflowsSuspend,
            "/colchis.v1.CronWorkflows/Resume" => Rpc::CronWorkflowsResume,
            "/colchis.v1.CronWorkflows/Backfill" => Rpc::CronWorkflowsBackfill,
            "/colchis.v1.CronWorkflows/NextRuns" => Rpc::CronWorkflowsNextRuns,
            "/colchis.v1.Info/GetServerInfo" => Rpc::InfoGetServerInfo,
            "/colchis.v1.Info/WhoAmI" => Rpc::InfoWhoAmI,
            "/colchis.v1.Info/CheckAccess" => Rpc::InfoCheckAccess,
            "/colchis.v1.Logs/Stream" => Rpc::LogsStream,
            "/colchis.v1.Plugins/ListPlugins" => Rpc::PluginsListPlugins,
            "/colchis.v1.Plugins/GetPlugin" => Rpc::PluginsGetPlugin,
            "/colchis.v1.Plugins/InspectPlugin" => Rpc::PluginsInspectPlugin,
            "/colchis.v1.Plugins/CheckConfig" => Rpc::PluginsCheckConfig,
            "/colchis.v1.Plugins/CallPlugin" => Rpc::PluginsCallPlugin,
            "/colchis.v1.Plugins/StreamLogs" => Rpc::PluginsStreamLogs,
            "/colchis.v1.Resources/Get" => Rpc::ResourcesGet,
            "/colchis.v1.Resources/GetStream" => Rpc::ResourcesGetStream,
            "/colchis.v1.Resources/List" => Rpc::ResourcesList,
            "/colchis.v1.Resources/Watch" => Rpc::ResourcesWatch,
            "/colchis.v1.Resources/Create" => Rpc::ResourcesCreate,
            "/colchis.v1.Resources/Update" => Rpc::ResourcesUpdate,
            "/colchis.v1.Resources/Patch" => Rpc::ResourcesPatch,
            "/colchis.v1.Resources/Apply" => Rpc::ResourcesApply,
            "/colchis.v1.Resources/BatchApply" => Rpc::ResourcesBatchApply,
            "/colchis.v1.Resources/Delete" => Rpc::ResourcesDelete,
            "/colchis.v1.Resources/ListKinds" => Rpc::ResourcesListKinds,
            "/colchis.v1.Templates/List" => Rpc::TemplatesList,
            "/colchis.v1.Templates/Describe" => Rpc::TemplatesDescribe,
            "/colchis.v1.Templates/Lint" => Rpc::TemplatesLint,
            _ => return None,
        })
    }
}
