//! Volumes that the local runner offers, and claims.

use std::collections::BTreeMap;

use super::{
    AwsElasticBlockStoreVolume, AzureDiskVolume, AzureFileVolume, CephFsVolume, CinderVolume, CsiVolume, FcVolume,
    FlexVolume, FlockerVolume, GcePersistentDiskVolume, GitRepoVolume, GlusterfsVolume, ImageVolume, IscsiVolume,
    NfsVolume, ObjectFieldSelector, PhotonPersistentDiskVolume, PortworxVolume, QuobyteVolume, RbdVolume,
    ResourceFieldSelector, ScaleIoVolume, StorageOsVolume, VsphereVolume,
};
use crate::meta::{LabelSelector, ObjectMeta};
use crate::values::{Quantity, Raw};

record! {
    /// A volume of a pod; one source is set (`emptyDir` when none is).
    pub struct Volume {
        /// The volume's name.
        pub name: String,
        /// A folder that lives as long as the pod.
        pub empty_dir: Option<Box<EmptyDirVolume>>,
        /// The keys of a ConfigMap as files.
        pub config_map: Option<Box<ConfigMapVolume>>,
        /// The keys of a Secret as files.
        pub secret: Option<Box<SecretVolume>>,
        /// A claim that outlives the pod.
        pub persistent_volume_claim: Option<Box<PersistentVolumeClaimVolume>>,
        /// Several sources in one folder.
        pub projected: Option<Box<ProjectedVolume>>,
        /// Fields of the pod as files.
        #[serde(rename = "downwardAPI")]
        pub downward_api: Option<Box<DownwardApiVolume>>,
        /// A path of the machine.
        pub host_path: Option<Box<HostPathVolume>>,
        /// A claim made for the pod and deleted with it.
        pub ephemeral: Option<Box<EphemeralVolume>>,
        /// The files of an image.
        pub image: Option<Raw<ImageVolume>> = kept "acts on the Kubernetes runner",
        /// A share of an NFS server.
        pub nfs: Option<Raw<NfsVolume>> = kept "acts on the Kubernetes runner",
        /// A volume of a CSI driver.
        pub csi: Option<Raw<CsiVolume>> = kept "acts on the Kubernetes runner",
        /// An AWS disk.
        pub aws_elastic_block_store: Option<Raw<AwsElasticBlockStoreVolume>> = kept "acts on the Kubernetes runner",
        /// An Azure disk.
        pub azure_disk: Option<Raw<AzureDiskVolume>> = kept "acts on the Kubernetes runner",
        /// An Azure share.
        pub azure_file: Option<Raw<AzureFileVolume>> = kept "acts on the Kubernetes runner",
        /// CephFS.
        pub cephfs: Option<Raw<CephFsVolume>> = kept "acts on the Kubernetes runner",
        /// An OpenStack disk.
        pub cinder: Option<Raw<CinderVolume>> = kept "acts on the Kubernetes runner",
        /// A Fibre Channel disk.
        pub fc: Option<Raw<FcVolume>> = kept "acts on the Kubernetes runner",
        /// A volume of a FlexVolume driver.
        pub flex_volume: Option<Raw<FlexVolume>> = kept "acts on the Kubernetes runner",
        /// Flocker.
        pub flocker: Option<Raw<FlockerVolume>> = kept "acts on the Kubernetes runner",
        /// A Google disk.
        pub gce_persistent_disk: Option<Raw<GcePersistentDiskVolume>> = kept "acts on the Kubernetes runner",
        /// A git checkout.
        pub git_repo: Option<Raw<GitRepoVolume>> = kept "acts on the Kubernetes runner; use a git artifact",
        /// GlusterFS.
        pub glusterfs: Option<Raw<GlusterfsVolume>> = kept "acts on the Kubernetes runner",
        /// An iSCSI disk.
        pub iscsi: Option<Raw<IscsiVolume>> = kept "acts on the Kubernetes runner",
        /// A Photon disk.
        pub photon_persistent_disk: Option<Raw<PhotonPersistentDiskVolume>> = kept "acts on the Kubernetes runner",
        /// Portworx.
        pub portworx_volume: Option<Raw<PortworxVolume>> = kept "acts on the Kubernetes runner",
        /// Quobyte.
        pub quobyte: Option<Raw<QuobyteVolume>> = kept "acts on the Kubernetes runner",
        /// A Ceph block device.
        pub rbd: Option<Raw<RbdVolume>> = kept "acts on the Kubernetes runner",
        /// ScaleIO.
        #[serde(rename = "scaleIO")]
        pub scale_io: Option<Raw<ScaleIoVolume>> = kept "acts on the Kubernetes runner",
        /// StorageOS.
        pub storageos: Option<Raw<StorageOsVolume>> = kept "acts on the Kubernetes runner",
        /// A vSphere disk.
        pub vsphere_volume: Option<Raw<VsphereVolume>> = kept "acts on the Kubernetes runner",
    }

    /// A folder that lives as long as the pod.
    pub struct EmptyDirVolume {
        /// `Memory` for a file system in memory.
        pub medium: String,
        /// How much it may hold.
        pub size_limit: Option<Quantity>,
    }

    /// The keys of a ConfigMap as files.
    pub struct ConfigMapVolume {
        /// The ConfigMap's name.
        pub name: String,
        /// Which keys, and under which names; all by default.
        pub items: Vec<KeyToPath>,
        /// The files' mode; 0644 by default.
        pub default_mode: Option<i32>,
        /// True when the map or a key may be missing.
        pub optional: Option<bool>,
    }

    /// The keys of a Secret as files.
    pub struct SecretVolume {
        /// The Secret's name.
        pub secret_name: String,
        /// Which keys, and under which names; all by default.
        pub items: Vec<KeyToPath>,
        /// The files' mode; 0644 by default.
        pub default_mode: Option<i32>,
        /// True when the Secret or a key may be missing.
        pub optional: Option<bool>,
    }

    /// One key and the file it becomes.
    pub struct KeyToPath {
        /// The key.
        pub key: String,
        /// The file's path in the volume.
        pub path: String,
        /// The file's mode.
        pub mode: Option<i32>,
    }

    /// A claim that outlives the pod.
    pub struct PersistentVolumeClaimVolume {
        /// The claim's name.
        pub claim_name: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// Several sources in one folder.
    pub struct ProjectedVolume {
        /// The sources.
        pub sources: Vec<VolumeProjection>,
        /// The files' mode; 0644 by default.
        pub default_mode: Option<i32>,
    }

    /// One source of a projected volume; one field is set.
    pub struct VolumeProjection {
        /// Keys of a ConfigMap (`defaultMode` has no meaning here).
        pub config_map: Option<ConfigMapVolume>,
        /// Keys of a Secret.
        pub secret: Option<ConfigMapVolume>,
        /// Fields of the pod.
        #[serde(rename = "downwardAPI")]
        pub downward_api: Option<DownwardApiProjection>,
        /// A token of the service account.
        pub service_account_token: Option<ServiceAccountTokenProjection> = kept "acts on the Kubernetes runner",
        /// Certificates of a trust bundle.
        pub cluster_trust_bundle: Option<Raw> = kept "acts on the Kubernetes runner",
        /// A certificate made for the pod.
        pub pod_certificate: Option<Raw> = kept "acts on the Kubernetes runner",
    }

    /// Fields of the pod as files.
    pub struct DownwardApiVolume {
        /// The files.
        pub items: Vec<DownwardApiFile>,
        /// The files' mode; 0644 by default.
        pub default_mode: Option<i32>,
    }

    /// Fields of the pod in a projected volume.
    pub struct DownwardApiProjection {
        /// The files.
        pub items: Vec<DownwardApiFile>,
    }

    /// A field of the pod as a file.
    pub struct DownwardApiFile {
        /// The file's path in the volume.
        pub path: String,
        /// The field.
        pub field_ref: Option<ObjectFieldSelector>,
        /// A container's limit or request.
        pub resource_field_ref: Option<ResourceFieldSelector>,
        /// The file's mode.
        pub mode: Option<i32>,
    }

    /// A token of the service account.
    pub struct ServiceAccountTokenProjection {
        /// For whom it is.
        pub audience: String,
        /// How long it is valid.
        pub expiration_seconds: Option<i64>,
        /// The file's path in the volume.
        pub path: String,
    }

    /// A path of the machine.
    pub struct HostPathVolume {
        /// The path.
        pub path: String,
        /// What must be there: `DirectoryOrCreate`, `Directory`, `FileOrCreate`, `File`, `Socket`, `CharDevice`, `BlockDevice`.
        pub r#type: String,
    }

    /// A claim made for the pod and deleted with it.
    pub struct EphemeralVolume {
        /// The claim.
        pub volume_claim_template: Option<PersistentVolumeClaimTemplate>,
    }

    /// A claim to be made (`volumeClaimTemplates[]`).
    pub struct PersistentVolumeClaimTemplate {
        /// Group and version; may be left out.
        pub api_version: String,
        /// Kind; may be left out.
        pub kind: String,
        /// Metadata; `name` is the volume's name.
        pub metadata: ObjectMeta,
        /// What is claimed.
        pub spec: PersistentVolumeClaimSpec,
        /// Written by clients that print whole objects; without meaning.
        pub status: Option<Raw>,
    }

    /// What a claim asks for.
    pub struct PersistentVolumeClaimSpec {
        /// `ReadWriteOnce`, `ReadOnlyMany`, `ReadWriteMany`, `ReadWriteOncePod`.
        pub access_modes: Vec<String>,
        /// Which volumes are fit.
        pub selector: Option<LabelSelector> = kept "acts on the Kubernetes runner",
        /// How much.
        pub resources: VolumeResources,
        /// The volume that is bound.
        pub volume_name: String = kept "acts on the Kubernetes runner",
        /// From which class; an empty name means none.
        pub storage_class_name: Option<String> = kept "acts on the Kubernetes runner",
        /// `Filesystem` or `Block`.
        pub volume_mode: Option<String> = kept "acts on the Kubernetes runner",
        /// What the volume is filled from.
        pub data_source: Option<TypedObjectReference> = kept "acts on the Kubernetes runner",
        /// What the volume is filled from.
        pub data_source_ref: Option<TypedObjectReference> = kept "acts on the Kubernetes runner",
        /// Attributes of the class.
        pub volume_attributes_class_name: Option<String> = kept "acts on the Kubernetes runner",
    }

    /// How much storage a claim asks for.
    pub struct VolumeResources {
        /// At most.
        pub limits: BTreeMap<String, Quantity>,
        /// At least; `storage` is the only name.
        pub requests: BTreeMap<String, Quantity>,
    }

    /// An object by group, kind and name.
    pub struct TypedObjectReference {
        /// Group.
        pub api_group: Option<String>,
        /// Kind.
        pub kind: String,
        /// Name.
        pub name: String,
        /// Namespace.
        pub namespace: Option<String>,
    }
}
