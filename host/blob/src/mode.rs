//! `mode` and `recurseMode` of a loaded artifact.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::archive::{Kind, local, walk};
use crate::failure::Failure;

/// The permission bits that `mode` means.
pub(crate) fn bits(mode: i32) -> Result<u32, Failure> {
    let bits = u32::try_from(mode).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| Failure::permanent(format!("mode is {mode}, expected 0 to 511 (0777 in octal)")))
}

/// Sets the mode of a file or folder, and with `recurse` of everything in it. Links keep theirs, which nobody reads.
pub(crate) fn apply(path: &Path, bits: u32, recurse: bool) -> Result<(), Failure> {
    let failed = |error| local(format!("set the mode of {}", path.display()), error);
    if recurse && path.symlink_metadata().map_err(failed)?.is_dir() {
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
        // Modes are set when everything is seen: a folder that lost its search bit could not be walked.
        let mut all = Vec::new();
        walk(&root, &mut |item| {
            if !matches!(item.kind, Kind::Link(_)) {
                all.push(item.path.to_owned());
            }
            Ok(())
        })?;
        for path in all.iter().rev() {
            let permissions = cap_std::fs::Permissions::from_std(Permissions::from_mode(bits));
            root.set_permissions(path, permissions)
                .map_err(|error| local(format!("set the mode of {}", path.display()), error))?;
        }
    }
    std::fs::set_permissions(path, Permissions::from_mode(bits)).map_err(failed)
}
