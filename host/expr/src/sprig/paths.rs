//! Paths with slashes, as text.

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("sprig.base", 1, 1, |ctx, args| ctx.string(base(args.str(0)?))),
    Func::new("sprig.dir", 1, 1, |ctx, args| ctx.string(dir(args.str(0)?))),
    Func::new("sprig.clean", 1, 1, cleaned),
    Func::new("sprig.ext", 1, 1, |ctx, args| ctx.string(ext(args.str(0)?))),
    Func::new("sprig.isAbs", 1, 1, |_, args| Ok(Value::Bool(args.str(0)?.starts_with('/')))),
    Func::new("sprig.osBase", 1, 1, |ctx, args| ctx.string(base(args.str(0)?))),
    Func::new("sprig.osDir", 1, 1, |ctx, args| ctx.string(dir(args.str(0)?))),
    Func::new("sprig.osClean", 1, 1, cleaned),
    Func::new("sprig.osExt", 1, 1, |ctx, args| ctx.string(ext(args.str(0)?))),
    Func::new("sprig.osIsAbs", 1, 1, |_, args| Ok(Value::Bool(args.str(0)?.starts_with('/')))),
];

fn cleaned(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    ctx.meter.scan(args.str(0)?.len())?;
    ctx.string(clean(args.str(0)?))
}

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or(""))
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or("")
}

/// The shortest path with the same meaning, found without a file system.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
