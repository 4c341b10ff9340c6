//! Who a container runs as and what it may do.

record! {
    /// What one container may do (`securityContext` of a container).
    pub struct SecurityContext {
        /// Capabilities given and taken.
        pub capabilities: Option<Capabilities>,
        /// Runs without confinement.
        pub privileged: Option<bool>,
        /// SELinux labels.
        pub se_linux_options: Option<SeLinuxOptions> = kept "acts on the Kubernetes runner",
        /// Windows only.
        pub windows_options: Option<WindowsOptions> = kept "acts on the Kubernetes runner",
        /// The user's number.
        pub run_as_user: Option<i64>,
        /// The group's number.
        pub run_as_group: Option<i64>,
        /// Refuses to run as user 0.
        pub run_as_non_root: Option<bool>,
        /// Makes the root file system read-only.
        pub read_only_root_filesystem: Option<bool>,
        /// False sets `no_new_privs`.
        pub allow_privilege_escalation: Option<bool>,
        /// How `/proc` is masked.
        pub proc_mount: Option<String> = kept "acts on the Kubernetes runner",
        /// The system call filter.
        pub seccomp_profile: Option<SeccompProfile> = kept "acts on the Kubernetes runner; the local runner always filters",
        /// The AppArmor profile.
        pub app_armor_profile: Option<AppArmorProfile> = kept "acts on the Kubernetes runner",
    }

    /// What all containers of a pod may do (`spec.securityContext`).
    pub struct PodSecurityContext {
        /// SELinux labels.
        pub se_linux_options: Option<SeLinuxOptions> = kept "acts on the Kubernetes runner",
        /// Windows only.
        pub windows_options: Option<WindowsOptions> = kept "acts on the Kubernetes runner",
        /// The user's number.
        pub run_as_user: Option<i64>,
        /// The group's number.
        pub run_as_group: Option<i64>,
        /// Refuses to run as user 0.
        pub run_as_non_root: Option<bool>,
        /// Further groups.
        pub supplemental_groups: Vec<i64>,
        /// `Merge` or `Strict`.
        pub supplemental_groups_policy: Option<String> = kept "acts on the Kubernetes runner",
        /// The group that owns volumes.
        pub fs_group: Option<i64>,
        /// `OnRootMismatch` or `Always`.
        pub fs_group_change_policy: Option<String> = kept "acts on the Kubernetes runner",
        /// Kernel parameters of the pod's namespaces.
        pub sysctls: Vec<Sysctl> = kept "acts on the Kubernetes runner",
        /// The system call filter.
        pub seccomp_profile: Option<SeccompProfile> = kept "acts on the Kubernetes runner; the local runner always filters",
        /// The AppArmor profile.
        pub app_armor_profile: Option<AppArmorProfile> = kept "acts on the Kubernetes runner",
        /// How SELinux labels volumes.
        pub se_linux_change_policy: Option<String> = kept "acts on the Kubernetes runner",
    }

    /// Capabilities, by their names without `CAP_`.
    pub struct Capabilities {
        /// Given.
        pub add: Vec<String>,
        /// Taken; `ALL` for all.
        pub drop: Vec<String>,
    }

    /// SELinux labels.
    pub struct SeLinuxOptions {
        /// User.
        pub user: String,
        /// Role.
        pub role: String,
        /// Type.
        pub r#type: String,
        /// Level.
        pub level: String,
    }

    /// Windows only.
    pub struct WindowsOptions {
        /// Name of the GMSA credentials.
        pub gmsa_credential_spec_name: Option<String>,
        /// The GMSA credentials.
        pub gmsa_credential_spec: Option<String>,
        /// The user.
        pub run_as_user_name: Option<String>,
        /// Runs as a process of the host.
        pub host_process: Option<bool>,
    }

    /// The system call filter.
    pub struct SeccompProfile {
        /// `Localhost`, `RuntimeDefault` or `Unconfined`.
        pub r#type: String,
        /// The profile's file on the node.
        pub localhost_profile: Option<String>,
    }

    /// The AppArmor profile.
    pub struct AppArmorProfile {
        /// `Localhost`, `RuntimeDefault` or `Unconfined`.
        pub r#type: String,
        /// The profile's name on the node.
        pub localhost_profile: Option<String>,
    }

    /// One kernel parameter.
    pub struct Sysctl {
        /// Name.
        pub name: String,
        /// Value.
        pub value: String,
    }
}
