// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Who uses a domain: the processes that have its device files open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// The processes that have device files of each domain open, as far as this process may see.
pub(crate) fn owners(root: &Path) -> BTreeMap<String, BTreeSet<Process>> {
    let mut owners: BTreeMap<String, BTreeSet<Process>> = BTreeMap::new();
    let Ok(processes) = fs::read_dir(root.join("proc")) else {
        return owners;
    };
    for process in processes.flatten() {
        let Some(id) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten() {
            let Some(domain) = fs::read_link(file.path())
                .ok()
                .and_then(|path| domain_of(&path))
            else {
                continue;
            };
            let name = fs::read(process.path().join("comm")).unwrap_or_default();
            // A process calls itself what it likes, also what a terminal would obey.
            let name = String::from_utf8_lossy(&name)
                .trim_end()
                .replace(char::is_control, "?");
            let process = Process { id, name };
            owners.entry(domain).or_default().insert(process);
        }
    }
    owners
}

/// The domain of a device file: `/dev/dlb<N>/<domain>/<port>`.
fn domain_of(path: &Path) -> Option<String> {
    let rest = path.strip_prefix("/dev").ok()?;
    let mut parts = rest.iter().map(|part| part.to_string_lossy());
    let device = parts.next()?;
    let domain = parts.next()?;
    parts.next()?;
    device.starts_with("dlb").then(|| domain.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_domains_count() {
        assert_eq!(domain_of(Path::new("/dev/dlb0/a/port")), Some("a".into()));
        assert_eq!(domain_of(Path::new("/dev/dlb0/a")), None);
        assert_eq!(domain_of(Path::new("/dev/sda")), None);
        assert_eq!(domain_of(Path::new("/tmp/dlb0/a/port")), None);
    }

    #[test]
    fn processes_are_found_by_their_open_files() {
        let root = tempfile::tempdir().unwrap();
        let process = root.path().join("proc/42");
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::write(process.join("comm"), "worker\n").unwrap();
        std::os::unix::fs::symlink("/dev/dlb0/a/w0", process.join("fd/3")).unwrap();
        let found = owners(root.path());
        let expected = Process {
            id: 42,
            name: "worker".into(),
        };
        assert_eq!(found["a"], BTreeSet::from([expected]));
        fs::write(process.join("comm"), b"\x1b[2J\xff\n").unwrap();
        let found = owners(root.path());
        let names: Vec<_> = found["a"].iter().map(|user| &user.name[..]).collect();
        assert_eq!(names, ["?[2J\u{fffd}"]);
    }
}
