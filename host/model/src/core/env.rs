//! Environment variables and where their values come from.

use crate::values::Quantity;

record! {
    /// One environment variable (`env[]`).
    pub struct EnvVar {
        /// The variable's name.
        pub name: String,
        /// The value; `$(OTHER)` is replaced by a variable set before.
        pub value: Option<String>,
        /// Where the value comes from instead.
        pub value_from: Option<Box<EnvVarSource>>,
    }

    /// Where an environment variable's value comes from; one field is set.
    pub struct EnvVarSource {
        /// A field of the pod, such as `metadata.name`.
        pub field_ref: Option<ObjectFieldSelector>,
        /// A limit or request of a container.
        pub resource_field_ref: Option<ResourceFieldSelector>,
        /// A key of a ConfigMap.
        pub config_map_key_ref: Option<ConfigMapKeySelector>,
        /// A key of a Secret.
        pub secret_key_ref: Option<SecretKeySelector>,
        /// A key of an env file in a volume.
        pub file_key_ref: Option<FileKeySelector> = kept "acts on the Kubernetes runner",
    }

    /// A field of the pod.
    pub struct ObjectFieldSelector {
        /// The version of the pod's schema, `v1`.
        pub api_version: String,
        /// The path, such as `metadata.labels['app']` or `status.podIP`.
        pub field_path: String,
    }

    /// A limit or request of a container.
    pub struct ResourceFieldSelector {
        /// The container; the same one when empty.
        pub container_name: String,
        /// The resource, such as `limits.memory`.
        pub resource: String,
        /// The unit in which it is written; 1 by default.
        pub divisor: Option<Quantity>,
    }

    /// A key of a ConfigMap.
    pub struct ConfigMapKeySelector {
        /// The ConfigMap's name.
        pub name: String,
        /// The key.
        pub key: String,
        /// True when the map or the key may be missing.
        pub optional: Option<bool>,
    }

    /// A key of a Secret.
    pub struct SecretKeySelector {
        /// The Secret's name.
        pub name: String,
        /// The key.
        pub key: String,
        /// True when the Secret or the key may be missing.
        pub optional: Option<bool>,
    }

    /// A key of an env file in a volume.
    pub struct FileKeySelector {
        /// The volume that holds the file.
        pub volume_name: String,
        /// The file's path in the volume.
        pub path: String,
        /// The key.
        pub key: String,
        /// True when the file or the key may be missing.
        pub optional: Option<bool>,
    }

    /// Variables taken from all keys of a ConfigMap or Secret (`envFrom[]`).
    pub struct EnvFromSource {
        /// Put before each key.
        pub prefix: String,
        /// The ConfigMap.
        pub config_map_ref: Option<ConfigMapEnvSource>,
        /// The Secret.
        pub secret_ref: Option<SecretEnvSource>,
    }

    /// A ConfigMap all of whose keys become variables.
    pub struct ConfigMapEnvSource {
        /// The ConfigMap's name.
        pub name: String,
        /// True when it may be missing.
        pub optional: Option<bool>,
    }

    /// A Secret all of whose keys become variables.
    pub struct SecretEnvSource {
        /// The Secret's name.
        pub name: String,
        /// True when it may be missing.
        pub optional: Option<bool>,
    }
}
