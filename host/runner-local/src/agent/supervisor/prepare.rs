//! What the containers of a unit share, made before the first of them: limits, network, names, memory.

use runner::EndClass;

use super::unit::Unit;
use crate::agent::container as inside;
use crate::agent::fault::{At, Fault};
use crate::agent::protocol::{Isolation, NetworkSpec};

impl Unit<'_> {
    /// What all containers share: network, memory volumes, limits.
    pub(super) fn prepare(&mut self) {
        if let Err(fault) = self.try_prepare() {
            self.fail(EndClass::CouldNotStart, fault.to_string());
        }
    }

    fn try_prepare(&mut self) -> Result<(), Fault> {
        self.notes.extend(self.group.limit(self.spec.limits));
        if self.spec.isolation == Isolation::Plain {
            return Ok(());
        }
        rustix::system::sethostname(self.spec.hostname.as_bytes()).at(|| "set the host name".to_owned())?;
        if let NetworkSpec::Own { bridge, base, prefix } = &self.spec.network {
            let (attached, notes) = crate::agent::network::attach(bridge, *base, *prefix, self.spec.isolation)?;
            self.network = attached;
            self.pod.address.clone_from(&self.network.address);
            self.notes.extend(notes);
        }
        self.write_network_files()?;
        for volume in &self.spec.memory_volumes {
            inside::memory_volume(&self.pod.memory_dir(&volume.name), volume)?;
        }
        for placement in &self.spec.placements {
            inside::place(&self.pod, placement)?;
        }
        if self.spec.containers.len() > 1 {
            let shm = self.spec.unit_dir.join("shm");
            inside::shared_memory(&shm)?;
            self.pod.shm = Some(shm);
        }
        Ok(())
    }

    /// Hosts, resolver and host name: files of the unit for containers of images and for units with a network of their own.
    fn write_network_files(&mut self) -> Result<(), Fault> {
        let wanted = self.spec.network_files.is_some() || self.network.address.is_some();
        if !wanted {
            return Ok(());
        }
        let files = self.spec.network_files.clone().unwrap_or_default();
        let dir = self.spec.unit_dir.join("etc");
        let own = self.network.address.as_deref().unwrap_or("127.0.1.1");
        let named = files.hosts.is_some() || self.network.address.is_some();
        let hosts = format!("{}{own}\t{}\n", files.hosts.unwrap_or_default(), self.spec.hostname);
        let resolv = if self.network.address.is_some() { &files.resolv_own } else { &files.resolv };
        let hostname = format!("{}\n", self.spec.hostname);
        std::fs::create_dir_all(&dir).at(|| format!("make {}", dir.display()))?;
        let files = [
            ("hosts", &hosts, &mut self.pod.hosts_file, named),
            ("resolv.conf", resolv, &mut self.pod.resolv_file, true),
            ("hostname", &hostname, &mut self.pod.hostname_file, named),
        ];
        for (name, text, slot, _) in files.into_iter().filter(|(.., wanted)| *wanted) {
            let path = dir.join(name);
            std::fs::write(&path, text).at(|| format!("write {}", path.display()))?;
            *slot = Some(path);
        }
        Ok(())
    }
}
