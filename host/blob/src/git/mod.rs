//! `git`: a checkout of a repository, by the program `git`.
//!
//! The program rather than a library: it is the one implementation that every server, transport and signature scheme is tested with,
//! and repairs of its security come with the machine's updates; `gix` 0.90 has no submodules and cannot be told which address to
//! call. What the program is given is fixed here:
//!
//! ```text
//!   remote    the URL is taken apart; only http, https and ssh remain, and nothing that could be read as an option
//!   program   an empty environment and configuration, no hooks, no prompts, no helpers; every argument after `--`
//!   network   http through the guarded proxy of `egress`; ssh to the address that the guard gave, other hosts are cut off
//!   checkout  fetch ─► look at the tree (entries, bytes, submodules) ─► check out ─► each submodule the same way
//! ```
//!
//! Submodules are repositories like the first, checked out by the same steps: no `git submodule` runs.

mod program;
mod remote;
mod ssh;
mod tree;

use std::path::Path;

use artifact::{Context, Loaded};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use egress::Socks;
use model::workflow::{Artifact, GitArtifact};

use crate::archive::{self, local};
use crate::drivers::Drivers;
use crate::failure::Failure;
use crate::secrets;
use program::{Network, Program};
use remote::Remote;
use ssh::Ssh;
use tree::Gitlink;

/// Submodules within submodules.
const DEPTH_MAX: usize = 8;
/// Submodules in all.
const SUBMODULES_MAX: usize = 256;

impl Drivers {
    /// Checks a repository out to `destination`.
    pub(crate) async fn checkout(
        &self,
        context: &Context,
        artifact: &Artifact,
        git: &GitArtifact,
        destination: &Path,
    ) -> Result<Loaded, Failure> {
        let (remote, in_url) = Remote::parse(&git.repo)
            .map_err(|why| Failure::permanent(format!("git.repo {:?} {why}", egress::shown(&git.repo))))?;
        let wanted = Wanted::of(git)?;
        let login = self.login(context, git, in_url).await?;
        let scratch = archive::scratch(destination)?;
        let network = Network {
            socks: self.socks().await?,
            ssh: Ssh::new(context, git, &self.ssh_program, self.config.ssh_known_hosts.as_deref()).await?,
            login,
            login_at: remote.origin(),
            skip_tls: git.insecure_skip_tls,
        };
        let program = Program::new(scratch.path(), network, self.guard.clone()).await?;
        let mut run = Run {
            program,
            unpack: &self.config.unpack,
            submodules: !git.disable_submodules,
            seen: 0,
            entries: 0,
            bytes: 0,
        };
        let tree = scratch.path().join("tree");
        run.checkout(&remote, &wanted, &tree).await?;
        let bytes = run.bytes;
        let root = match artifact.sub_path.as_deref() {
            Some(sub) if !sub.is_empty() => part(&tree, sub)?,
            _ => tree,
        };
        let directory = archive::publish(&root, destination)?;
        Ok(Loaded { bytes, directory })
    }

    async fn login(
        &self,
        context: &Context,
        git: &GitArtifact,
        in_url: Option<(String, String)>,
    ) -> Result<Option<(String, String)>, Failure> {
        let user = secrets::text(context, git.username_secret.as_ref()).await?;
        let password = secrets::text(context, git.password_secret.as_ref()).await?;
        let login = match (user, password) {
            (None, None) => in_url,
            // A token alone is taken with any name.
            (user, password) => Some((user.unwrap_or_else(|| "git".to_owned()), password.unwrap_or_default())),
        };
        match login {
            Some((user, password)) if user.contains(['\n', '\0']) || password.contains(['\n', '\0']) => {
                Err(Failure::permanent("git: the name or password holds a line's end"))
            }
            login => Ok(login),
        }
    }

    async fn socks(&self) -> Result<Socks, Failure> {
        let started = Socks::start(self.guard.clone(), "git").await;
        started.map_err(|error| Failure::file("start the proxy for git", error))
    }
}

/// Moves a part of the checkout out of it: resolved beneath it, and no link.
fn part(tree: &Path, sub: &str) -> Result<std::path::PathBuf, Failure> {
    let (sub, _) = crate::place::join(sub, None)?;
    let failed = |error| local(format!("open {sub}"), error);
    let root = Dir::open_ambient_dir(tree, ambient_authority()).map_err(failed)?;
    match root.symlink_metadata(&sub) {
        Ok(metadata) if metadata.is_symlink() => Err(Failure::permanent(format!("subPath {sub} is a link"))),
        Ok(_) => {
            let out = tree.with_file_name("part");
            let beside = Dir::open_ambient_dir(tree.parent().unwrap_or(tree), ambient_authority()).map_err(failed)?;
            root.rename(&sub, &beside, "part").map_err(failed)?;
            Ok(out)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!("the repository has no {sub}")))
        }
        Err(error) => Err(failed(error)),
    }
}

/// What is to be checked out.
pub(crate) struct Wanted {
    revision: Revision,
    branch: Option<String>,
    single_branch: bool,
    depth: Option<u32>,
    fetch: Vec<String>,
}

enum Revision {
    /// The branch, or the remote's own.
    Default,
    /// A branch, tag, or anything that names a commit.
    Named(String),
    /// A commit of a submodule.
    Commit(String),
}

impl Wanted {
    fn of(git: &GitArtifact) -> Result<Self, Failure> {
        for (field, value) in [("revision", &git.revision), ("branch", &git.branch)]
            .into_iter()
            .chain(git.fetch.iter().map(|spec| ("fetch", spec)))
        {
            if value.starts_with('-') || value.contains(|character: char| character.is_control()) {
                return Err(Failure::permanent(format!(
                    "git.{field} is {value:?}, which names nothing in a repository"
                )));
            }
        }
        if git.single_branch && git.branch.is_empty() {
            return Err(Failure::permanent("git.singleBranch needs git.branch"));
        }
        let depth = match git.depth {
            None | Some(0) => None,
            Some(depth) => Some(
                u32::try_from(depth)
                    .map_err(|_| Failure::permanent(format!("git.depth is {depth}, expected a number of commits")))?,
            ),
        };
        Ok(Self {
            revision: if git.revision.is_empty() { Revision::Default } else { Revision::Named(git.revision.clone()) },
            branch: Some(git.branch.clone()).filter(|branch| !branch.is_empty()),
            single_branch: git.single_branch,
            depth,
            fetch: git.fetch.clone(),
        })
    }

    /// The same for a submodule at a commit.
    fn submodule(&self, commit: String) -> Self {
        Self {
            revision: Revision::Commit(commit),
            branch: None,
            single_branch: false,
            depth: self.depth,
            fetch: Vec::new(),
        }
    }
}

/// A commit, and the branch that it is checked out as.
struct Resolved {
    commit: String,
    branch: Option<String>,
}

/// One load, over the repository and its submodules.
struct Run<'a> {
    program: Program,
    unpack: &'a archive::UnpackLimits,
    submodules: bool,
    seen: usize,
    entries: u64,
    bytes: u64,
}

impl Run<'_> {
    async fn checkout(&mut self, remote: &Remote, wanted: &Wanted, tree: &Path) -> Result<(), Failure> {
        let mut left = vec![(remote.clone(), wanted.submodule(String::new()), tree.to_owned(), 0)];
        let mut first = Some(wanted);
        while let Some((remote, wanted, tree, depth)) = left.pop() {
            let wanted = first.take().unwrap_or(&wanted);
            let links = self.one(&remote, wanted, &tree).await?;
            if !self.submodules || links.is_empty() {
                continue;
            }
            for (path, remote, commit) in self.submodules_of(&remote, &tree, links).await? {
                self.seen += 1;
                if self.seen > SUBMODULES_MAX || depth >= DEPTH_MAX {
                    return Err(Failure::permanent(format!(
                        "there are more submodules than {SUBMODULES_MAX}, or more than {DEPTH_MAX} within each other (disableSubmodules leaves them out)"
                    )));
                }
                left.push((remote, wanted.submodule(commit), tree.join(path), depth + 1));
            }
        }
        Ok(())
    }

    /// Fetches and checks out one repository; says what submodules its tree has.
    async fn one(&mut self, remote: &Remote, wanted: &Wanted, tree: &Path) -> Result<Vec<Gitlink>, Failure> {
        self.program.admit(remote).await?;
        std::fs::create_dir_all(tree).map_err(|error| local(format!("make {}", tree.display()), error))?;
        self.program.git(tree, &["init", "--quiet", "--template=", "."]).await?;
        self.program.git(tree, &["config", "remote.origin.url", remote.url()]).await?;
        self.program.git(tree, &["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]).await?;
        self.fetch(wanted, tree).await?;
        let resolved = self.resolve(wanted, tree).await?;
        let links = self.look(tree, &resolved.commit).await?;
        self.program.git(tree, &["checkout", "--quiet", "--force", "--detach", &resolved.commit]).await?;
        if let Some(branch) = resolved.branch {
            let name = format!("refs/heads/{branch}");
            self.program.git(tree, &["update-ref", &name, &resolved.commit]).await?;
            self.program.git(tree, &["symbolic-ref", "HEAD", &name]).await?;
        }
        Ok(links)
    }

    async fn fetch(&self, wanted: &Wanted, tree: &Path) -> Result<(), Failure> {
        let mut specs = match &wanted.branch {
            Some(branch) if wanted.single_branch => vec![format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")],
            _ => vec!["+refs/heads/*:refs/remotes/origin/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()],
        };
        specs.extend(wanted.fetch.iter().cloned());
        self.fetch_specs(wanted, tree, &specs).await
    }

    async fn fetch_specs(&self, wanted: &Wanted, tree: &Path, specs: &[String]) -> Result<(), Failure> {
        let depth = wanted.depth.map(|depth| format!("--depth={depth}"));
        let mut arguments = vec!["fetch", "--quiet", "--no-recurse-submodules", "--no-auto-gc", "--force"];
        arguments.extend(depth.as_deref());
        arguments.extend(["--", "origin"]);
        arguments.extend(specs.iter().map(String::as_str));
        self.program.git(tree, &arguments).await.map(drop)
    }

    async fn resolve(&self, wanted: &Wanted, tree: &Path) -> Result<Resolved, Failure> {
        let name = match &wanted.revision {
            Revision::Default => match &wanted.branch {
                Some(branch) => branch.clone(),
                None => return self.remote_head(wanted, tree).await,
            },
            Revision::Named(name) | Revision::Commit(name) => name.clone(),
        };
        if matches!(wanted.revision, Revision::Commit(_)) {
            return self.commit(wanted, tree, &name).await;
        }
        if let Some(commit) = self.program.find(tree, &format!("refs/remotes/origin/{name}")).await? {
            return Ok(Resolved { commit, branch: Some(name) });
        }
        for full in [format!("refs/tags/{name}"), name.clone()] {
            if let Some(commit) = self.program.find(tree, &full).await? {
                return Ok(Resolved { commit, branch: None });
            }
        }
        self.commit(wanted, tree, &name).await
    }

    /// The branch that the remote says is its own.
    async fn remote_head(&self, wanted: &Wanted, tree: &Path) -> Result<Resolved, Failure> {
        let told = self.program.git(tree, &["ls-remote", "--symref", "--", "origin", "HEAD"]).await?;
        let branch = told
            .lines()
            .find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD").map(str::to_owned));
        if let Some(branch) = branch
            && let Some(commit) = self.program.find(tree, &format!("refs/remotes/origin/{branch}")).await?
        {
            return Ok(Resolved { commit, branch: Some(branch) });
        }
        match told.lines().find_map(|line| line.strip_suffix("\tHEAD").filter(|id| is_commit(id))) {
            Some(commit) => self.commit(wanted, tree, commit).await,
            None => Err(Failure::not_found("the repository is empty: it has no branch")),
        }
    }

    /// A commit by its whole name, asked for alone when no branch or tag that was fetched has it.
    async fn commit(&self, wanted: &Wanted, tree: &Path, name: &str) -> Result<Resolved, Failure> {
        let missing = || Failure::not_found(format!("the repository has no branch, tag or commit {name:?}"));
        if !is_commit(name) {
            return Err(missing());
        }
        if let Some(commit) = self.program.find(tree, name).await? {
            return Ok(Resolved { commit, branch: None });
        }
        self.fetch_specs(wanted, tree, &[name.to_owned()]).await.map_err(|failure| match failure.class {
            artifact::ErrorClass::Transient => failure,
            _ => missing(),
        })?;
        let found = self.program.find(tree, name).await?;
        found.map(|commit| Resolved { commit, branch: None }).ok_or_else(missing)
    }

    /// Counts what a checkout would write before it is written.
    async fn look(&mut self, tree: &Path, commit: &str) -> Result<Vec<Gitlink>, Failure> {
        let seen = tree::look(&self.program, tree, commit, self.unpack, (self.entries, self.bytes)).await?;
        self.entries = seen.entries;
        self.bytes = seen.bytes;
        Ok(seen.links)
    }

    /// Where the submodules of a checkout come from: their path, repository and commit.
    async fn submodules_of(
        &self,
        remote: &Remote,
        tree: &Path,
        links: Vec<Gitlink>,
    ) -> Result<Vec<(std::path::PathBuf, Remote, String)>, Failure> {
        let listed = tree::modules(&self.program, tree).await?;
        let root = Dir::open_ambient_dir(tree, ambient_authority())
            .map_err(|error| local(format!("open {}", tree.display()), error))?;
        let mut found = Vec::new();
        for link in links {
            // A link that .gitmodules does not know has no repository to come from; git leaves its folder empty too.
            let Some(url) = listed.get(&link.path) else { continue };
            let wrong = |why: &str| {
                Failure::permanent(format!(
                    "submodule {:?} from {:?} {why} (disableSubmodules leaves it out)",
                    link.path,
                    egress::shown(url)
                ))
            };
            let path = archive::relative(link.path.as_bytes(), self.unpack).map_err(wrong)?;
            if !root.symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir())
                || root.canonicalize(&path).ok().as_deref() != Some(&path)
            {
                return Err(wrong("lies at no folder of its own"));
            }
            let (from, _) = remote.join(url).map_err(|why| wrong(&why))?;
            found.push((path, from, link.commit));
        }
        Ok(found)
    }
}

/// Whether a text is the whole name of a commit.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
