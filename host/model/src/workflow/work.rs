//! The bodies of the template kinds that do work: script, resource, http, suspend, containerSet.

use super::Artifact;
use crate::core::{Container, ContainerNode, SecretKeySelector, VolumeMount, container_record};
use crate::values::{AnyString, IntOrString};

/// A container that runs a program written in the manifest.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "FlatScriptTemplate", into = "FlatScriptTemplate")]
pub struct ScriptTemplate {
    /// The container (its fields stand beside `source` in the manifest); `command` is the interpreter.
    pub container: Container,
    /// The program.
    pub source: String,
}

mod flat {
    #![allow(missing_docs, unreachable_pub)]
    super::container_record! {
        /// A container that runs a program written in the manifest.
        pub struct FlatScriptTemplate {
            /// The program.
            pub source: String,
        }
    }
}
use flat::FlatScriptTemplate;

container_record!(@nest ScriptTemplate over FlatScriptTemplate { source });

record! {
    /// An action on an object of the server or the cluster.
    pub struct ResourceTemplate {
        /// What is done.
        pub action: Option<ResourceAction>,
        /// How a patch is merged: `strategic`, `merge` or `json`.
        pub merge_strategy: Option<String>,
        /// The object, as YAML or JSON text; may hold tags.
        pub manifest: Option<String>,
        /// Where the object comes from instead.
        pub manifest_from: Option<ManifestFrom>,
        /// Makes the run the owner of the object.
        pub set_owner_reference: bool,
        /// A label selector over the object's fields that must hold for success.
        pub success_condition: Option<String>,
        /// A label selector over the object's fields that means failure.
        pub failure_condition: Option<String>,
        /// Flags of `kubectl`: which objects are meant, in place of a manifest.
        pub flags: Vec<String>,
    }

    /// Where an object comes from.
    pub struct ManifestFrom {
        /// An input artifact.
        pub artifact: Option<Box<Artifact>>,
    }

    /// A request over HTTP.
    pub struct HttpTemplate {
        /// The method; GET by default.
        pub method: Option<String>,
        /// The URL.
        pub url: String,
        /// Headers.
        pub headers: Vec<HttpHeader>,
        /// Seconds until the request fails; 30 by default.
        pub timeout_seconds: Option<i64>,
        /// An expression over `response` that must hold; a status below 400 by default.
        pub success_condition: Option<String>,
        /// The body.
        pub body: Option<String>,
        /// Where the body comes from instead.
        pub body_from: Option<HttpBodySource>,
        /// Does not check the server's certificate.
        pub insecure_skip_verify: bool,
    }

    /// A header.
    #[schemars(rename = "HttpRequestHeader")]
    pub struct HttpHeader {
        /// Name.
        pub name: String,
        /// Value.
        pub value: Option<String>,
        /// Where the value comes from instead.
        pub value_from: Option<HttpHeaderSource>,
    }

    /// Where a header's value comes from.
    pub struct HttpHeaderSource {
        /// A key of a Secret.
        pub secret_key_ref: Option<SecretKeySelector>,
    }

    /// Where a body comes from.
    pub struct HttpBodySource {
        /// Bytes, in base64.
        pub bytes: Option<String>,
    }

    /// Waits for a time or for a person.
    pub struct SuspendTemplate {
        /// How long: seconds, or a duration such as `2m`; until someone resumes it when absent.
        pub duration: Option<AnyString>,
    }

    /// Several containers in one pod, one after another.
    pub struct ContainerSetTemplate {
        /// The containers.
        pub containers: Vec<ContainerNode>,
        /// Volumes that all containers see.
        pub volume_mounts: Vec<VolumeMount>,
        /// How often containers are tried again, inside the pod.
        pub retry_strategy: Option<ContainerSetRetryStrategy>,
    }

    /// How often containers of a set are tried again.
    pub struct ContainerSetRetryStrategy {
        /// The wait between tries.
        pub duration: Option<String>,
        /// How many times.
        pub retries: Option<IntOrString>,
    }
}

words! {
    /// What is done with an object.
    pub enum ResourceAction {
        /// Reads it and checks the conditions.
        Get = "get",
        /// Creates it.
        Create = "create",
        /// Creates or changes it.
        Apply = "apply",
        /// Deletes it.
        Delete = "delete",
        /// Replaces it.
        Replace = "replace",
        /// Changes parts of it.
        Patch = "patch",
    }
}
