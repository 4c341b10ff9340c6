//! Containers, and the three types of Argo that add fields to a container.

use std::collections::BTreeMap;

use crate::values::Quantity;

/// Declares a type with all fields of a container and more; JSON knows no nesting here, Rust does (see `UserContainer`).
macro_rules! container_record {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty, )* }) => { record! {
        $(#[$meta])*
        pub struct $name {
            /// The container's name; `main` by default.
            pub name: String,
            /// The image.
            pub image: String,
            /// The program and its first arguments; the image's entrypoint by default.
            pub command: Option<Vec<String>>,
            /// Arguments; the image's by default.
            pub args: Option<Vec<String>>,
            /// The working directory; the image's by default.
            pub working_dir: String,
            /// Ports that the container opens.
            pub ports: Vec<crate::core::ContainerPort> = kept "a port that is open is reachable without being named; acts on the Kubernetes runner",
            /// Variables taken from whole ConfigMaps and Secrets.
            pub env_from: Vec<crate::core::EnvFromSource>,
            /// Variables.
            pub env: Vec<crate::core::EnvVar>,
            /// Limits and requests of CPU, memory and others.
            pub resources: Option<Box<crate::core::ResourceRequirements>>,
            /// What a change of resources does to a running container.
            pub resize_policy: Vec<crate::core::ContainerResizePolicy> = kept "acts on the Kubernetes runner",
            /// `Always` marks an init container as a sidecar.
            pub restart_policy: Option<String> = kept "acts on the Kubernetes runner",
            /// Restart by exit code.
            pub restart_policy_rules: Vec<crate::core::ContainerRestartRule> = kept "acts on the Kubernetes runner",
            /// Volumes and where they are seen.
            pub volume_mounts: Vec<crate::core::VolumeMount>,
            /// Raw block devices.
            pub volume_devices: Vec<crate::core::VolumeDevice> = refused "raw block devices are not offered; mount a volume as a folder with volumeMounts",
            /// Ends the container when it fails.
            pub liveness_probe: Option<Box<crate::core::Probe>>,
            /// Says when a daemon or sidecar is ready.
            pub readiness_probe: Option<Box<crate::core::Probe>>,
            /// Holds the other probes back until it succeeds.
            pub startup_probe: Option<Box<crate::core::Probe>>,
            /// Actions after the start and before the stop.
            pub lifecycle: Option<Box<crate::core::Lifecycle>>,
            /// The file from which the last message is read.
            pub termination_message_path: String,
            /// `File` or `FallbackToLogsOnError`.
            pub termination_message_policy: String,
            /// When the image is fetched.
            pub image_pull_policy: Option<crate::core::PullPolicy>,
            /// The user, the capabilities, the file system's protection.
            pub security_context: Option<Box<crate::core::SecurityContext>>,
            /// Keeps standard input open.
            pub stdin: bool = kept "acts on the Kubernetes runner",
            /// Closes standard input after the first client.
            pub stdin_once: bool = kept "acts on the Kubernetes runner",
            /// Gives the container a terminal.
            pub tty: bool = kept "acts on the Kubernetes runner",
            $( $(#[$field_meta])* pub $field : $ty, )*
        }
    } };
    // A type `outer { container, extra… }` over a flat one.
    (@nest $outer:ident over $flat:ident { $( $field:ident ),* }) => {
        impl From<$flat> for $outer {
            fn from(flat: $flat) -> Self {
                Self {
                    $( $field: flat.$field, )*
                    container: container_record!(@copy Container, flat {}),
                }
            }
        }

        impl From<$outer> for $flat {
            fn from(outer: $outer) -> Self {
                let container = outer.container;
                container_record!(@copy $flat, container { $( $field: outer.$field, )* })
            }
        }

        impl schemars::JsonSchema for $outer {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($outer).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $flat::json_schema(generator)
            }
        }

        impl crate::empty::Empty for $outer {
            fn is_empty(&self) -> bool {
                false
            }
        }
    };
    (@copy $ty:ident, $from:ident { $($rest:tt)* }) => {
        $ty {
            $($rest)*
            name: $from.name,
            image: $from.image,
            command: $from.command,
            args: $from.args,
            working_dir: $from.working_dir,
            ports: $from.ports,
            env_from: $from.env_from,
            env: $from.env,
            resources: $from.resources,
            resize_policy: $from.resize_policy,
            restart_policy: $from.restart_policy,
            restart_policy_rules: $from.restart_policy_rules,
            volume_mounts: $from.volume_mounts,
            volume_devices: $from.volume_devices,
            liveness_probe: $from.liveness_probe,
            readiness_probe: $from.readiness_probe,
            startup_probe: $from.startup_probe,
            lifecycle: $from.lifecycle,
            termination_message_path: $from.termination_message_path,
            termination_message_policy: $from.termination_message_policy,
            image_pull_policy: $from.image_pull_policy,
            security_context: $from.security_context,
            stdin: $from.stdin,
            stdin_once: $from.stdin_once,
            tty: $from.tty,
        }
    };
}
pub(crate) use container_record;

container_record! {
    /// A container of a pod.
    pub struct Container {}
}

/// A sidecar or init container: a container that may see the main container's volumes.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "FlatUserContainer", into = "FlatUserContainer")]
pub struct UserContainer {
    /// The container.
    pub container: Container,
    /// Mounts the main container's volumes at the same paths.
    pub mirror_volume_mounts: Option<bool>,
}

/// A container of a container set, with the containers that must succeed before it starts.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "FlatContainerNode", into = "FlatContainerNode")]
pub struct ContainerNode {
    /// The container.
    pub container: Container,
    /// Names of containers of the same set that must succeed before.
    pub dependencies: Vec<String>,
}

mod flat {
    #![allow(missing_docs, unreachable_pub)]

    container_record! {
        /// A sidecar or init container.
        pub struct FlatUserContainer {
            /// Mounts the main container's volumes at the same paths.
            pub mirror_volume_mounts: Option<bool>,
        }
    }

    container_record! {
        /// A container of a container set.
        pub struct FlatContainerNode {
            /// Names of containers of the same set that must succeed before.
            pub dependencies: Vec<String>,
        }
    }
}
use flat::{FlatContainerNode, FlatUserContainer};

container_record!(@nest UserContainer over FlatUserContainer { mirror_volume_mounts });
container_record!(@nest ContainerNode over FlatContainerNode { dependencies });

words! {
    /// When an image is fetched.
    pub enum PullPolicy {
        /// Before every start.
        Always = "Always",
        /// Never: it must be there.
        Never = "Never",
        /// When it is not there.
        IfNotPresent = "IfNotPresent",
    }
}

record! {
    /// A port that a container opens.
    pub struct ContainerPort {
        /// The port's name.
        pub name: String,
        /// The port on the host.
        pub host_port: Option<i32>,
        /// The port in the container.
        pub container_port: i32,
        /// `TCP`, `UDP` or `SCTP`.
        pub protocol: String,
        /// The host's address.
        #[serde(rename = "hostIP")]
        pub host_ip: String,
    }

    /// Limits and requests of a container.
    pub struct ResourceRequirements {
        /// What the container may use at most, by resource (`cpu`, `memory`, …).
        pub limits: BTreeMap<String, Quantity>,
        /// What the container needs at least, by resource.
        pub requests: BTreeMap<String, Quantity>,
        /// Names of the pod's resource claims that the container uses.
        pub claims: Vec<ResourceClaim> = kept "acts on the Kubernetes runner",
    }

    /// A resource claim that a container uses.
    pub struct ResourceClaim {
        /// The claim's name in the pod.
        pub name: String,
        /// One of the claim's requests.
        pub request: String,
    }

    /// What a change of one resource does to a running container.
    pub struct ContainerResizePolicy {
        /// The resource.
        pub resource_name: String,
        /// `NotRequired` or `RestartContainer`.
        pub restart_policy: String,
    }

    /// Restart by exit code.
    pub struct ContainerRestartRule {
        /// `Restart`.
        pub action: String,
        /// The exit codes.
        pub exit_codes: Option<ExitCodeRule>,
    }

    /// A set of exit codes.
    pub struct ExitCodeRule {
        /// `In` or `NotIn`.
        pub operator: String,
        /// The codes.
        pub values: Vec<i32>,
    }

    /// Where a volume is seen in a container.
    pub struct VolumeMount {
        /// The volume's name.
        pub name: String,
        /// The path in the container.
        pub mount_path: String,
        /// A path inside the volume.
        pub sub_path: String,
        /// The same, with `$(VARIABLE)` replaced.
        pub sub_path_expr: String,
        /// Refuses writing.
        pub read_only: bool,
        /// `Disabled`, `IfPossible` or `Enabled`.
        pub recursive_read_only: Option<String> = kept "acts on the Kubernetes runner",
        /// How mounts made later are seen by others.
        pub mount_propagation: Option<String> = kept "acts on the Kubernetes runner",
    }

    /// A raw block device in a container.
    pub struct VolumeDevice {
        /// The claim's name.
        pub name: String,
        /// The device's path.
        pub device_path: String,
    }
}
