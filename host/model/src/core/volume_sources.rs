//! Volume sources that only Kubernetes offers: kept, so only their shape is checked (see [`crate::values::Raw`]).

use crate::meta::{LocalObjectReference, StringMap};

record! {
    /// The files of an image.
    pub struct ImageVolume {
        /// The image.
        pub reference: String,
        /// When the image is fetched.
        pub pull_policy: String,
    }

    /// A share of an NFS server.
    pub struct NfsVolume {
        /// The server.
        pub server: String,
        /// The path.
        pub path: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// A volume of a CSI driver.
    pub struct CsiVolume {
        /// The driver's name.
        pub driver: String,
        /// Refuses writing.
        pub read_only: Option<bool>,
        /// The file system.
        pub fs_type: Option<String>,
        /// The volume attributes.
        pub volume_attributes: StringMap,
        /// The node publish secret ref.
        pub node_publish_secret_ref: Option<LocalObjectReference>,
    }

    /// An AWS disk.
    pub struct AwsElasticBlockStoreVolume {
        /// The volume's id.
        #[serde(rename = "volumeID")]
        pub volume_id: String,
        /// The file system.
        pub fs_type: String,
        /// The partition's number.
        pub partition: i32,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// An Azure disk.
    pub struct AzureDiskVolume {
        /// The disk name.
        pub disk_name: String,
        /// The disk uri.
        #[serde(rename = "diskURI")]
        pub disk_uri: String,
        /// The caching mode.
        pub caching_mode: Option<String>,
        /// The file system.
        pub fs_type: Option<String>,
        /// Refuses writing.
        pub read_only: Option<bool>,
        /// The kind.
        pub kind: Option<String>,
    }

    /// An Azure share.
    pub struct AzureFileVolume {
        /// The secret name.
        pub secret_name: String,
        /// The share name.
        pub share_name: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// CephFS.
    pub struct CephFsVolume {
        /// The monitors' addresses.
        pub monitors: Vec<String>,
        /// The path.
        pub path: String,
        /// The user.
        pub user: String,
        /// The secret file.
        pub secret_file: String,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// An OpenStack disk.
    pub struct CinderVolume {
        /// The volume's id.
        #[serde(rename = "volumeID")]
        pub volume_id: String,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
    }

    /// A Fibre Channel disk.
    pub struct FcVolume {
        /// The target wwns.
        #[serde(rename = "targetWWNs")]
        pub target_wwns: Vec<String>,
        /// The lun.
        pub lun: Option<i32>,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
        /// The wwids.
        pub wwids: Vec<String>,
    }

    /// A volume of a FlexVolume driver.
    pub struct FlexVolume {
        /// The driver's name.
        pub driver: String,
        /// The file system.
        pub fs_type: String,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
        /// Refuses writing.
        pub read_only: bool,
        /// The options.
        pub options: StringMap,
    }

    /// Flocker.
    pub struct FlockerVolume {
        /// The dataset name.
        pub dataset_name: String,
        /// The dataset uuid.
        #[serde(rename = "datasetUUID")]
        pub dataset_uuid: String,
    }

    /// A Google disk.
    pub struct GcePersistentDiskVolume {
        /// The pd name.
        pub pd_name: String,
        /// The file system.
        pub fs_type: String,
        /// The partition's number.
        pub partition: i32,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// A git checkout.
    pub struct GitRepoVolume {
        /// The repository.
        pub repository: String,
        /// The revision.
        pub revision: String,
        /// The directory.
        pub directory: String,
    }

    /// GlusterFS.
    pub struct GlusterfsVolume {
        /// The endpoints.
        pub endpoints: String,
        /// The path.
        pub path: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// An iSCSI disk.
    pub struct IscsiVolume {
        /// The target portal.
        pub target_portal: String,
        /// The iqn.
        pub iqn: String,
        /// The lun.
        pub lun: i32,
        /// The iscsi interface.
        pub iscsi_interface: String,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
        /// The portals.
        pub portals: Vec<String>,
        /// The chap auth discovery.
        pub chap_auth_discovery: bool,
        /// The chap auth session.
        pub chap_auth_session: bool,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
        /// The initiator name.
        pub initiator_name: Option<String>,
    }

    /// A Photon disk.
    pub struct PhotonPersistentDiskVolume {
        /// The pd id.
        #[serde(rename = "pdID")]
        pub pd_id: String,
        /// The file system.
        pub fs_type: String,
    }

    /// Portworx.
    pub struct PortworxVolume {
        /// The volume's id.
        #[serde(rename = "volumeID")]
        pub volume_id: String,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// Quobyte.
    pub struct QuobyteVolume {
        /// The registry.
        pub registry: String,
        /// The volume.
        pub volume: String,
        /// Refuses writing.
        pub read_only: bool,
        /// The user.
        pub user: String,
        /// The group.
        pub group: String,
        /// The tenant.
        pub tenant: String,
    }

    /// A Ceph block device.
    pub struct RbdVolume {
        /// The monitors' addresses.
        pub monitors: Vec<String>,
        /// The image.
        pub image: String,
        /// The file system.
        pub fs_type: String,
        /// The pool.
        pub pool: String,
        /// The user.
        pub user: String,
        /// The keyring.
        pub keyring: String,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// ScaleIO.
    pub struct ScaleIoVolume {
        /// The gateway.
        pub gateway: String,
        /// The system.
        pub system: String,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
        /// The ssl enabled.
        pub ssl_enabled: bool,
        /// The protection domain.
        pub protection_domain: String,
        /// The storage pool.
        pub storage_pool: String,
        /// The storage mode.
        pub storage_mode: String,
        /// The volume name.
        pub volume_name: String,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
    }

    /// StorageOS.
    pub struct StorageOsVolume {
        /// The volume name.
        pub volume_name: String,
        /// The volume namespace.
        pub volume_namespace: String,
        /// The file system.
        pub fs_type: String,
        /// Refuses writing.
        pub read_only: bool,
        /// The Secret with the credentials.
        pub secret_ref: Option<LocalObjectReference>,
    }

    /// A vSphere disk.
    pub struct VsphereVolume {
        /// The volume path.
        pub volume_path: String,
        /// The file system.
        pub fs_type: String,
        /// The storage policy name.
        pub storage_policy_name: String,
        /// The storage policy id.
        #[serde(rename = "storagePolicyID")]
        pub storage_policy_id: String,
    }
}
