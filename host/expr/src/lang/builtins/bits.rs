//! Bits.

use crate::error::Error;
use crate::func::{Args, Func};
use crate::value::Value;

pub(super) const TABLE: &[Func] = &[
    Func::new("bitand", 2, 2, |_, args| Ok(Value::Int(args.int(0)? & args.int(1)?))),
    Func::new("bitor", 2, 2, |_, args| Ok(Value::Int(args.int(0)? | args.int(1)?))),
    Func::new("bitxor", 2, 2, |_, args| Ok(Value::Int(args.int(0)? ^ args.int(1)?))),
    Func::new("bitnand", 2, 2, |_, args| Ok(Value::Int(args.int(0)? & !args.int(1)?))),
    Func::new("bitnot", 1, 1, |_, args| Ok(Value::Int(!args.int(0)?))),
    Func::new("bitshl", 2, 2, |_, args| {
        let (n, by) = (args.int(0)?, shift(args)?);
        Ok(Value::Int(if by > 63 { 0 } else { n << by }))
    }),
    Func::new("bitshr", 2, 2, |_, args| Ok(Value::Int(args.int(0)? >> shift(args)?.min(63)))),
    Func::new("bitushr", 2, 2, |_, args| {
        let (n, by) = (args.int(0)? as u64, shift(args)?);
        Ok(Value::Int(if by > 63 { 0 } else { n >> by } as i64))
    }),
];

fn shift(args: Args<'_>) -> Result<u32, Error> {
    let by = args.int(1)?;
    if by < 0 {
        return Err(Error::value(format!("`{}` cannot shift by {by}", args.name)));
    }
    Ok(u32::try_from(by).unwrap_or(u32::MAX))
}
