//! Names that come from outside become paths below a folder, or nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::limits::UnpackLimits;

/// Bytes of one name in a path, as file systems have it.
const NAME_BYTES_MAX: usize = 255;

/// The path below the destination that an entry's name means; empty for the destination itself.
pub(crate) fn relative(name: &[u8], limits: &UnpackLimits) -> Result<PathBuf, &'static str> {
    if name.len() > limits.path_bytes_max {
        return Err("its path is longer than the limit pathBytesMax");
    }
    if name.contains(&0) {
        return Err("its path holds a NUL byte");
    }
    if name.first() == Some(&b'/') {
        return Err("its path is absolute");
    }
    let mut path = PathBuf::new();
    for (depth, part) in name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").enumerate() {
        if part == b".." {
            return Err("its path leaves the destination");
        }
        if part.len() > NAME_BYTES_MAX {
            return Err("a name in its path is longer than 255 bytes");
        }
        if depth >= limits.depth_max {
            return Err("it lies deeper than the limit depthMax");
        }
        path.push(OsStr::from_bytes(part));
    }
    Ok(path)
}

/// Whether a link at `link` (relative to a folder) to `target` stays in that folder, judged by the text alone.
pub(crate) fn link_stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.parent().map_or(0, |parent| parent.components().count());
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// A name for a message: what cannot be printed is escaped, and it has an end.
pub(crate) fn shown(name: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    let mut text = name.get(..SHOWN_MAX.min(name.len())).unwrap_or_default().escape_ascii().to_string();
    if name.len() > SHOWN_MAX {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let limits = UnpackLimits::default();
        let check = |name: &str, expect: Result<&str, &str>| {
            assert_eq!(relative(name.as_bytes(), &limits), expect.map(PathBuf::from), "{name:?}");
        };
        check("a/b.txt", Ok("a/b.txt"));
        check("./a//b/./c/", Ok("a/b/c"));
        check("./", Ok(""));
        check("..a/b..", Ok("..a/b.."));
        check("/etc/passwd", Err("its path is absolute"));
        check("../x", Err("its path leaves the destination"));
        check("a/../../x", Err("its path leaves the destination"));
        check("a/../x", Err("its path leaves the destination"));
        check("a\0b", Err("its path holds a NUL byte"));
        check(&"x".repeat(256), Err("a name in its path is longer than 255 bytes"));
        check(&"a/".repeat(129), Err("it lies deeper than the limit depthMax"));
        check(&"a/".repeat(4000), Err("its path is longer than the limit pathBytesMax"));
    }

    #[test]
    fn links() {
        let check = |link: &str, target: &str, expect: bool| {
            assert_eq!(link_stays_inside(Path::new(link), Path::new(target)), expect, "{link} -> {target}");
        };
        check("a", "b", true);
        check("bin/python", "python3", true);
        check("a/b/c", "../../d", true);
        check("a/b", "..", true);
        check("a", "..", false);
        check("a/b/c", "../../../d", false);
        check("a", "/etc/passwd", false);
        check("a", "b/../../c", false);
    }
}
