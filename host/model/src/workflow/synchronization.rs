//! Locks that runs and nodes take.

use crate::core::ConfigMapKeySelector;

record! {
    /// Locks that are held while a run or a node runs; all are taken at once.
    pub struct Synchronization {
        /// Semaphores.
        pub semaphores: Vec<SemaphoreRef>,
        /// Mutexes.
        pub mutexes: Vec<Mutex>,
        /// A semaphore, in the form before 3.6.
        pub semaphore: Option<SemaphoreRef>,
        /// A mutex, in the form before 3.6.
        pub mutex: Option<Mutex>,
    }

    /// A semaphore; one of `configMapKeyRef` and `database` is set.
    pub struct SemaphoreRef {
        /// A ConfigMap's key that holds the limit.
        pub config_map_key_ref: Option<ConfigMapKeySelector>,
        /// The namespace of the ConfigMap or key; the run's own by default.
        pub namespace: String,
        /// A limit kept by the server.
        pub database: Option<SyncDatabaseRef>,
    }

    /// A limit kept by the server.
    pub struct SyncDatabaseRef {
        /// The limit's name.
        pub key: String,
    }

    /// A lock that one holder has.
    pub struct Mutex {
        /// The name.
        pub name: String,
        /// The namespace; the run's own by default.
        pub namespace: String,
        /// Shared by all servers on one database.
        pub database: bool,
    }
}

impl Synchronization {
    /// All semaphores, also those of the older form.
    pub fn all_semaphores(&self) -> impl Iterator<Item = &SemaphoreRef> {
        self.semaphore.iter().chain(&self.semaphores)
    }

    /// All mutexes, also those of the older form.
    pub fn all_mutexes(&self) -> impl Iterator<Item = &Mutex> {
        self.mutex.iter().chain(&self.mutexes)
    }
}
