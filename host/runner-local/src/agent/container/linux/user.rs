//! Who a container runs as: numbers, or names looked up in its own `/etc/passwd` and `/etc/group`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use crate::agent::fault::Fault;
use crate::agent::protocol::UserSpec;

/// Of a hostile image's files, so much is read.
const DATABASE_BYTES_MAX: u64 = 4 << 20;

/// Numbers and home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub home: String,
}

/// Decides, reading the root this process is in.
pub(crate) fn lookup(spec: &UserSpec) -> Result<Identity, Fault> {
    decide(spec, &read("/etc/passwd"), &|| read("/etc/group"))
}

fn read(path: &str) -> String {
    let mut text = String::new();
    // Not blocking: an image may have put a pipe there.
    if let Ok(file) = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        let _ = file.take(DATABASE_BYTES_MAX).read_to_string(&mut text);
    }
    text
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid, home: fields.nth(1)? })
    })
}

fn decide(spec: &UserSpec, passwd: &str, group: &dyn Fn() -> String) -> Result<Identity, Fault> {
    let (user, image_group) = match spec.image_user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec.image_user.as_str(), None),
    };
    let account = match (spec.uid, user) {
        (Some(uid), _) => accounts(passwd).find(|a| a.uid == uid),
        (None, "") => accounts(passwd).find(|a| a.uid == 0),
        (None, name) => accounts(passwd)
            .find(|a| a.name == name)
            .or_else(|| name.parse().ok().and_then(|uid: u32| accounts(passwd).find(|a| a.uid == uid))),
    };
    let uid = match (spec.uid, &account, user) {
        (Some(uid), _, _) => uid,
        (None, Some(account), _) => account.uid,
        (None, None, "") => 0,
        (None, None, name) => {
            name.parse().map_err(|_| Fault::new(format!("the image's user {name} is not in its /etc/passwd")))?
        }
    };
    if spec.must_not_be_root && uid == 0 {
        return Err(Fault::new(
            "securityContext.runAsNonRoot is set, but the container would run as root: set runAsUser",
        ));
    }
    let mut groups = spec.groups.clone();
    let gid = match (spec.gid, image_group) {
        (Some(gid), _) => gid,
        // A user that was asked for by number takes its group from the password file, as container runtimes do.
        (None, Some(name)) if spec.uid.is_none() => group_id(name, &group())?,
        _ => account.as_ref().map_or(0, |a| a.gid),
    };
    if let (Some(account), true) = (&account, uid != 0) {
        groups.extend(memberships(account.name, &group()));
    }
    groups.sort_unstable();
    groups.dedup();
    let home = account.map_or("/", |a| a.home);
    Ok(Identity { uid, gid, groups, home: if home.is_empty() { "/".to_owned() } else { home.to_owned() } })
}

fn group_id(name: &str, group: &str) -> Result<u32, Fault> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    group
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
        })
        .next()
        .ok_or_else(|| Fault::new(format!("the image's group {name} is not in its /etc/group")))
}

fn memberships(user: &str, group: &str) -> Vec<u32> {
    group
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            let gid = fields.next()?.parse().ok()?;
            fields.next()?.split(',').any(|member| member == user).then_some(gid)
        })
        .take(1024)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nmedia:x:50:web,other\nweb:x:34:\n";

    fn check(image: &str, uid: Option<u32>, gid: Option<u32>) -> Result<Identity, String> {
        let spec = UserSpec { uid, gid, image_user: image.to_owned(), ..UserSpec::default() };
        decide(&spec, PASSWD, &|| GROUP.to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn names_numbers_and_groups() {
        let root = check("", None, None).unwrap();
        assert_eq!((root.uid, root.gid, root.home.as_str()), (0, 0, "/root"));
        let web = check("web", None, None).unwrap();
        assert_eq!((web.uid, web.gid, web.groups.clone(), web.home.as_str()), (33, 34, vec![50], "/srv"));
        assert_eq!(check("33", None, None).unwrap(), web);
        assert_eq!(check("web:media", None, None).unwrap().gid, 50);
        assert_eq!(check("web", Some(1000), None).unwrap().uid, 1000);
        assert_eq!(check("", Some(1000), Some(7)).unwrap().gid, 7);
        assert!(check("nobody-here", None, None).unwrap_err().contains("/etc/passwd"));
    }

    #[test]
    fn must_not_be_root() {
        let spec = UserSpec { must_not_be_root: true, ..UserSpec::default() };
        assert!(decide(&spec, PASSWD, &String::new).unwrap_err().to_string().contains("runAsNonRoot"));
    }
}
