// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The commands that change something, and `save`.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dlb_config::plan::{self, Action, Step};
use dlb_config::schema::Kind;
use dlb_config::system::{self, LiveDomain, CONFIGFS};
use dlb_config::{file, Plan, Problem, Topology};

use crate::cli::{Apply, Destroy};
use crate::progress::Progress;
use crate::{interrupted, Context, Error};

/// How long another run of this program may take until this one gives up.
const OTHERS: Duration = Duration::from_secs(10);

/// Keeps other runs of this program from changing things at the same time.
pub(crate) fn lock(context: &Context<'_>) -> Result<Option<File>, Error> {
    let dir = context.root.join(CONFIGFS.trim_start_matches('/'));
    let progress = Progress::new(context.waiting);
    progress.tell(|| "another dlbctl is changing the configuration".into());
    let start = Instant::now();
    loop {
        match plan::lock(&dir) {
            Ok(file) => return Ok(Some(file)),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                if interrupted() {
                    return Err(Error::interrupted());
                }
                if start.elapsed() > OTHERS {
                    return Err(Error::failed(format!(
                        "something else is changing the configuration, and holds the lock of {}: \
                         see /proc/locks",
                        dir.display()
                    )));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            // Without the directory, whatever comes next says so better.
            Err(_) => return Ok(None),
        }
    }
}

pub(crate) fn apply(context: &mut Context<'_>, arguments: &Apply) -> Result<(), Error> {
    let wanted = read_files(&arguments.files)?;
    let _lock = lock(context)?;
    let permissions = dlb_config::Permissions {
        restart: arguments.restart,
        prune: arguments.prune,
    };
    let plan = Plan::to(&wanted, permissions, context.files)?;
    let short = plan::shortages(&wanted, &plan, context.files)?;
    if arguments.dry_run {
        print_plan(context, &plan)?;
    }
    if !short.is_empty() {
        let words: Vec<_> = short.iter().map(ToString::to_string).collect();
        return Err(Error::too_much(words.join("\n")));
    }
    if !arguments.dry_run {
        context.perform(&plan)?;
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        context.say(format_args!(
            "{} as described, {}",
            counted(wanted.domains.len(), "domain"),
            counted(plan.steps.len(), "change")
        ))?;
        if context.json {
            print_plan(context, &plan)?;
        }
    }
    Ok(())
}

/// The files that `paths` stand for: a directory stands for those in it that end in `.toml`, by
/// name, without hidden ones.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let names = || -> std::io::Result<Vec<PathBuf>> {
            let mut names = Vec::new();
            for entry in path.read_dir()? {
                let name = entry?.path();
                // A hidden file has no extension but its name, or is somebody's half-written one.
                let hidden = name
                    .file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
                if !hidden && name.extension().is_some_and(|end| end == "toml") {
                    names.push(name);
                }
            }
            names.sort();
            Ok(names)
        };
        files.extend(names().map_err(|e| Error::file("read", path, &e))?);
    }
    Ok(files)
}

/// Reads topology files as one.
fn read_files(paths: &[PathBuf]) -> Result<Topology, Error> {
    let mut all = Topology::default();
    let mut problems = Vec::new();
    for path in &expand(paths)? {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            std::io::stdin().read_to_end(&mut bytes)
        } else {
            File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
        };
        read.map_err(|e| Error::file("read", path, &e))?;
        let name = path.display().to_string();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                problems.push(no_text(name, &error));
                continue;
            }
        };
        match file::parse(&name, &text) {
            Ok(topology) => {
                for (name, domain) in topology.domains {
                    if let Some(other) = all.domains.get(&name) {
                        problems.push(twice(&name, &domain.object.place, &other.object.place));
                    }
                    all.domains.insert(name, domain);
                }
                for (name, settings) in topology.devices {
                    if let Some(other) = all.devices.get(&name) {
                        problems.push(twice(&name, &settings.place, &other.place));
                    }
                    all.devices.insert(name, settings);
                }
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Error::wrong(&problems))
    }
}

fn no_text(file: String, error: &std::string::FromUtf8Error) -> Problem {
    let good = error
        .as_bytes()
        .get(..error.utf8_error().valid_up_to())
        .unwrap_or_default();
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    Problem {
        place: Some(dlb_config::Place { file, line }),
        object: String::new(),
        attribute: None,
        reason: "this is not UTF-8, which TOML has to be".to_string(),
    }
}

fn twice(
    name: &str,
    place: &Option<dlb_config::Place>,
    other: &Option<dlb_config::Place>,
) -> Problem {
    let other = other
        .as_ref()
        .map_or("another file".to_string(), ToString::to_string);
    Problem {
        place: place.clone(),
        object: name.to_string(),
        attribute: None,
        reason: format!("is described by {other} already"),
    }
}

fn print_plan(context: &mut Context<'_>, plan: &Plan) -> Result<(), Error> {
    if context.json {
        let steps: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
        return Ok(context.print_json(&serde_json::json!({ "steps": steps }))?);
    }
    if plan.steps.is_empty() {
        return Ok(context.say(format_args!("nothing to do"))?);
    }
    for step in &plan.steps {
        writeln!(context.out, "{step}")?;
    }
    Ok(())
}

/// Percentages and weights say the same thing in two ways: only what was written is kept.
fn said_once(mut tuning: BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    for (percent, weights) in [("qe_sa_pct", "qe_weights"), ("qid_sa_pct", "qid_weights")] {
        match tuning.get(percent).map(String::as_str) {
            Some("-1") => tuning.remove(percent),
            _ => tuning.remove(weights),
        };
    }
    tuning
}

pub(crate) fn save(
    context: &mut Context<'_>,
    names: &[String],
    output: Option<&Path>,
) -> Result<(), Error> {
    let mut topology = Topology::default();
    if names.is_empty() {
        for live in system::read_domains(context.files)? {
            topology
                .domains
                .insert(live.domain.name().to_string(), live.domain);
        }
        for device in system::read_devices(context.files)?
            .into_iter()
            .filter(|d| !d.is_vf)
        {
            let vfs = system::read_shares(context.files, &device);
            let settings = dlb_config::DeviceSettings {
                sequence_numbers: device.sequence_numbers,
                cos_bandwidth: device.cos_bandwidth,
                tuning: said_once(device.tuning),
                num_vfs: Some(device.vfs.0).filter(|count| *count > 0),
                vfs: vfs
                    .iter()
                    .map(|(vf, live)| (*vf, live.share()))
                    .filter(|(_, share)| !share.resources.is_empty())
                    .collect(),
                place: None,
            };
            topology.devices.insert(device.name, settings);
        }
    } else {
        for name in names {
            topology
                .domains
                .insert(name.clone(), find(context, name)?.domain);
        }
    }
    let text = file::format(&topology);
    match output {
        None => Ok(context.out.write_all(text.as_bytes())?),
        Some(path) => replace(path, &text).map_err(|e| Error::file("write", path, &e)),
    }
}

/// Writes a file so that there is either the old one or the new one, whatever happens.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let (path, old) = match path.metadata() {
        // A terminal, a pipe or /dev/null is written to. The name of it is not given to a file.
        Ok(meta) if !meta.is_file() => {
            return File::options()
                .write(true)
                .open(path)?
                .write_all(text.as_bytes());
        }
        // What a link leads to is replaced, and not the link.
        Ok(meta) => (path.canonicalize()?, Some(meta.permissions())),
        Err(_) => (path.to_path_buf(), None),
    };
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Less the umask, as for any new file. Temporary ones are for their owners only.
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    if let Some(old) = old {
        file.as_file().set_permissions(old)?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    File::open(dir)?.sync_all()
}

fn find(context: &Context<'_>, name: &str) -> Result<LiveDomain, Error> {
    // Tells a missing domain from a missing driver.
    system::domain_names(context.files)?;
    system::read_domain(context.files, name)?
        .ok_or_else(|| Error::missing(format!("there is no domain `{name}`")))
}

pub(crate) fn destroy(context: &mut Context<'_>, arguments: &Destroy) -> Result<(), Error> {
    let described = read_files(&arguments.files)?.domains;
    let _lock = lock(context)?;
    let domains = if arguments.all || !arguments.files.is_empty() {
        let mut domains = system::read_domains(context.files)?;
        // Of those that are described somewhere, some may be gone already.
        domains.retain(|live| arguments.all || described.contains_key(live.domain.name()));
        domains
    } else {
        // Who is named twice is removed once.
        let mut named = std::collections::BTreeSet::new();
        arguments
            .domains
            .iter()
            .filter(|name| named.insert(*name))
            .map(|name| find(context, name))
            .collect::<Result<_, _>>()?
    };
    let plan = Plan::without(&domains.iter().collect::<Vec<_>>());
    if arguments.dry_run {
        return print_plan(context, &plan);
    }
    context.perform(&plan)?;
    let names: Vec<_> = domains.iter().map(|live| live.domain.name()).collect();
    match names[..] {
        [] => context.say(format_args!("there are no domains"))?,
        _ => context.say(format_args!("removed {}", names.join(", ")))?,
    }
    Ok(())
}

/// Writes one attribute, if it does not say so already.
fn set(context: &mut Context<'_>, path: PathBuf, old: &str, new: &str) -> Result<(), Error> {
    let mut plan = Plan::default();
    if old != new {
        let action = Action::Write {
            old: old.to_string(),
            new: new.to_string(),
        };
        plan.steps.push(Step {
            path,
            action,
            place: None,
        });
    }
    context.perform(&plan)
}

pub(crate) fn switch(
    context: &mut Context<'_>,
    name: &str,
    attribute: &str,
    on: bool,
) -> Result<(), Error> {
    let _lock = lock(context)?;
    let live = find(context, name)?;
    let old = match attribute {
        "enable" => u8::from(live.domain.enable).to_string(),
        _ => live.domain.object.value(attribute).to_string(),
    };
    let path = system::domain_path(name).join(attribute);
    set(context, path, &old, if on { "1" } else { "0" })?;
    let state = find(context, name)?.state;
    Ok(context.say(format_args!("{name}: {state}"))?)
}

pub(crate) fn link(
    context: &mut Context<'_>,
    domain: &str,
    port: &str,
    queues: &[String],
) -> Result<(), Error> {
    relink(context, domain, port, queues, true)
}

pub(crate) fn unlink(
    context: &mut Context<'_>,
    domain: &str,
    port: &str,
    queues: &[String],
) -> Result<(), Error> {
    relink(context, domain, port, queues, false)
}

fn relink(
    context: &mut Context<'_>,
    domain: &str,
    port: &str,
    queues: &[String],
    add: bool,
) -> Result<(), Error> {
    let _lock = lock(context)?;
    let live = find(context, domain)?;
    let object = live.domain.shelf(Kind::LdbPort).get(port).ok_or_else(|| {
        Error::missing(format!(
            "domain `{domain}` has no load-balanced port `{port}`"
        ))
    })?;
    let old = object.value("links").to_string();
    let mut links: BTreeMap<String, String> = object
        .links()
        .into_iter()
        .map(|(queue, priority)| (queue, priority.to_string()))
        .collect();
    for word in queues {
        let (queue, priority) = word.split_once(':').unwrap_or((word, "0"));
        if !live.domain.shelf(Kind::LdbQueue).contains_key(queue) {
            let words = format!("domain `{domain}` has no load-balanced queue `{queue}`");
            return Err(Error::missing(words));
        }
        if add {
            links.insert(queue.to_string(), priority.to_string());
        } else if links.remove(queue).is_none() {
            let words = format!("port `{port}` has no link to queue `{queue}`");
            return Err(Error::missing(words));
        }
    }
    let words: Vec<_> = links
        .iter()
        .map(|(queue, priority)| format!("{queue}:{priority}"))
        .collect();
    let mut changed = object.clone();
    changed
        .set("links", &words.join(" "))
        .map_err(|reason| Error {
            code: 2,
            words: format!("the set of links {reason}"),
        })?;
    let new = changed.value("links").to_string();
    let path = system::object_path(domain, Kind::LdbPort, port).join("links");
    set(context, path, &old, &new)?;
    let shown = if new.is_empty() { "nothing" } else { &new };
    Ok(context.say(format_args!("{domain}/{port}: linked to {shown}"))?)
}
