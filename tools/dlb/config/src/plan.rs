// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! How to get from what there is to what is wanted, and back if that fails.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::schema::{self, Kind};
use crate::system::{self, Device, Files, LiveDomain, Unreadable, CONFIGFS};
use crate::topology::{DeviceSettings, Domain, Object, Place, Share, Topology};

/// One operation on the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the directory of an object.
    Make,
    /// Remove it; it held these values beside the defaults.
    Remove(Vec<(&'static str, String)>),
    /// Nothing by itself: a step beside it takes this value away, and back again it has to be
    /// written.
    Lose {
        /// What is there.
        old: String,
    },
    /// Write a value over another.
    Write {
        /// What is there.
        old: String,
        /// What shall be.
        new: String,
    },
    /// Let drivers have the virtual functions of a device, which have come without.
    Probe,
    /// Take a virtual function away from the driver.
    Unbind,
}

/// One operation, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The file or directory.
    pub path: PathBuf,
    /// What is done to it.
    pub action: Action,
    /// Where that was asked for.
    pub place: Option<Place>,
}

/// As a shell would do it, in the directory of all domains.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self
            .path
            .strip_prefix(CONFIGFS)
            .unwrap_or(&self.path)
            .display();
        match &self.action {
            Action::Make => write!(f, "mkdir {path}"),
            Action::Remove(_) => write!(f, "rmdir {path}"),
            Action::Lose { old } => write!(f, "# {old} < {path}"),
            Action::Write { new, .. } if new.contains(' ') || new.is_empty() => {
                write!(f, "echo \"{new}\" > {path}")
            }
            Action::Write { new, .. } => write!(f, "echo {new} > {path}"),
            Action::Probe => write!(
                f,
                "for f in {path}/virtfn*; do basename $(readlink $f) > {}; done",
                system::PROBE
            ),
            Action::Unbind => write!(f, "echo {} > {}", function(&self.path), system::UNBIND),
        }
    }
}

/// The function of the driver that has this directory.
fn function(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Operations that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
}

/// A count of a virtual function: its number, the resource, what is there, what shall be.
type Change = (u32, &'static str, u32, u32);

/// What may be done to reach the goal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Permissions {
    /// Disable and enable again a domain whose change needs it.
    pub restart: bool,
    /// Remove domains that are not wanted.
    pub prune: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    /// Something could not be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A domain would have to be disabled.
    #[error(
        "{}domain `{domain}` is enabled, and has to be disabled to change {what}: allow that with \
         --restart",
        prefix(place)
    )]
    NeedsRestart {
        /// The domain.
        domain: String,
        /// What differs first.
        what: String,
        /// Where that was asked for.
        place: Option<Place>,
    },
    /// A virtual function that is in use would have to change.
    #[error(
        "{}virtual function {vf} of {device} is locked, because its driver has registered: unbind \
         it, or allow with --restart to turn virtual functions off and on",
        prefix(place)
    )]
    Locked {
        /// The device.
        device: String,
        /// The number of the virtual function.
        vf: u32,
        /// Where the change was asked for.
        place: Option<Place>,
    },
    /// The device has no such setting.
    #[error("{}{device} has no {what}", prefix(place))]
    NoSetting {
        /// The device.
        device: String,
        /// The setting.
        what: String,
        /// Where it was asked for.
        place: Option<Place>,
    },
    /// The file speaks of a device that is not there.
    #[error("{}there is no device `{device}`: {}", prefix(place), listed(there))]
    NoDevice {
        /// The device.
        device: String,
        /// Those that are.
        there: Vec<String>,
        /// Where that was asked for.
        place: Option<Place>,
    },
    /// The only device is asked for, and there is not one.
    #[error(
        "{}domain `{domain}` takes the only device (`auto`), but {}: name one",
        prefix(place),
        listed(there)
    )]
    NotOne {
        /// The domain.
        domain: String,
        /// Those that are there.
        there: Vec<String>,
        /// Where that was asked for.
        place: Option<Place>,
    },
}

fn prefix(place: &Option<Place>) -> String {
    place
        .as_ref()
        .map(|place| format!("{place}: "))
        .unwrap_or_default()
}

/// The end of a sentence about devices.
fn listed(there: &[String]) -> String {
    match there {
        [] => "there is none".to_string(),
        [one] => format!("there is {one}"),
        all => format!("there are {}", all.join(", ")),
    }
}

fn names(devices: &[Device]) -> Vec<String> {
    devices.iter().map(|device| device.name.clone()).collect()
}

/// Whether a domain that is to be enabled has a device to be enabled on.
fn check_device(domain: &Domain, devices: &[Device]) -> Result<(), Impossible> {
    let place = || domain.object.place_of("device").cloned();
    match domain.object.value("device") {
        "auto" if devices.len() == 1 => Ok(()),
        "auto" => Err(Impossible::NotOne {
            domain: domain.name().to_string(),
            there: names(devices),
            place: place(),
        }),
        name if devices.iter().any(|device| device.name == name) => Ok(()),
        name => Err(Impossible::NoDevice {
            device: name.to_string(),
            there: names(devices),
            place: place(),
        }),
    }
}

impl Plan {
    /// Finds what to do so that all of `wanted` is there.
    ///
    /// # Errors
    ///
    /// If something cannot be read, or it takes more than is permitted.
    pub fn to(
        wanted: &Topology,
        permissions: Permissions,
        files: &dyn Files,
    ) -> Result<Plan, Impossible> {
        let mut plan = Plan::default();
        let live = system::read_domains(files)?;
        let find = |name: &str| live.iter().find(|live| live.domain.name() == name);

        // What goes comes first, because it may make room.
        if permissions.prune {
            for live in &live {
                if !wanted.domains.contains_key(live.domain.name()) {
                    plan.remove(&live.domain);
                }
            }
        }
        let mut enable = Vec::new();
        for domain in wanted.domains.values() {
            let live = find(domain.name());
            if plan.describe(domain, live, permissions)? && domain.enable {
                enable.push(domain);
            }
        }
        plan.settings(wanted, permissions, files)?;
        let devices = system::read_devices(files)?;
        // What is on a virtual function that goes, and comes again, has to do the same.
        let unbound: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Unbind)
            .map(|step| step.path.clone())
            .collect();
        let goes = |domain: &Domain| {
            let name = domain.object.value("device");
            let device = devices.iter().find(|device| device.name == name);
            device.is_some_and(|device| unbound.contains(&device.path()))
        };
        let again: Vec<_> = wanted
            .domains
            .values()
            .filter(|domain| enable.iter().all(|other| other.name() != domain.name()))
            .filter(|domain| domain.enable && goes(domain))
            .collect();
        for domain in again {
            plan.enable(domain, false);
            plan.steps.rotate_right(1);
            enable.push(domain);
        }
        // A virtual function that has yet to come may be the device of a domain. The others come
        // first: `auto` is the only device, and with a virtual function there is another.
        let (probes, steps) = std::mem::take(&mut plan.steps)
            .into_iter()
            .partition::<Vec<_>, _>(|step| step.action == Action::Probe);
        plan.steps = steps;
        let mut late = Vec::new();
        for domain in enable {
            match check_device(domain, &devices) {
                Err(Impossible::NoDevice { .. }) if !probes.is_empty() => late.push(domain),
                Ok(()) if goes(domain) => late.push(domain),
                result => {
                    result?;
                    plan.enable(domain, true);
                }
            }
        }
        plan.steps.extend(probes);
        for domain in late {
            plan.enable(domain, true);
        }
        Ok(plan)
    }

    /// Finds what to do so that a domain is gone.
    pub fn without(domains: &[&LiveDomain]) -> Plan {
        let mut plan = Plan::default();
        for live in domains {
            plan.remove(&live.domain);
        }
        plan
    }

    fn push(&mut self, path: PathBuf, action: Action, place: Option<Place>) {
        self.steps.push(Step {
            path,
            action,
            place,
        });
    }

    fn write(&mut self, path: PathBuf, old: &str, new: &str, place: Option<&Place>) {
        let action = Action::Write {
            old: old.to_string(),
            new: new.to_string(),
        };
        self.push(path, action, place.cloned());
    }

    fn enable(&mut self, domain: &Domain, on: bool) {
        let path = system::domain_path(domain.name()).join("enable");
        let (old, new) = if on { ("0", "1") } else { ("1", "0") };
        self.write(path, old, new, domain.object.place.as_ref());
    }

    fn remove(&mut self, domain: &Domain) {
        if domain.enable {
            self.enable(domain, false);
        }
        let name = domain.name();
        // Ports go before the queues that they may name.
        let objects: Vec<_> = domain.objects().collect();
        for object in objects.into_iter().rev() {
            self.remove_object(name, object);
        }
        self.remove_object(name, &domain.object);
    }

    fn remove_object(&mut self, domain: &str, object: &Object) {
        let path = system::object_path(domain, object.kind, &object.name);
        let values = object
            .kind
            .attributes()
            .iter()
            .map(|attribute| {
                (
                    attribute.name,
                    object.value(attribute.name),
                    attribute.default,
                )
            })
            .filter(|(_, value, default)| value != default)
            .map(|(name, value, _)| (name, value.to_string()))
            .collect();
        self.push(path, Action::Remove(values), object.place.clone());
    }

    /// Makes the tree say what is wanted of one domain. Returns whether it then has to be enabled.
    fn describe(
        &mut self,
        wanted: &Domain,
        live: Option<&LiveDomain>,
        permissions: Permissions,
    ) -> Result<bool, Impossible> {
        let name = wanted.name();
        let Some(live) = live else {
            self.push(
                system::domain_path(name),
                Action::Make,
                wanted.object.place.clone(),
            );
            self.values(name, &Object::new(Kind::Domain, name), &wanted.object);
            for object in wanted.objects() {
                self.make(name, object);
            }
            return Ok(true);
        };
        let enabled = live.domain.enable;
        let obstacle = obstacle(wanted, &live.domain);
        let mut stop = enabled && !wanted.enable;
        if let (true, false, Some((what, place))) = (enabled, stop, &obstacle) {
            if !permissions.restart {
                return Err(Impossible::NeedsRestart {
                    domain: name.to_string(),
                    what: what.clone(),
                    place: place.clone(),
                });
            }
            stop = true;
        }
        if stop {
            self.enable(wanted, false);
        }
        for object in live.domain.objects() {
            if wanted.shelf(object.kind).get(&object.name).is_none() {
                self.remove_object(name, object);
            }
        }
        self.values(name, &live.domain.object, &wanted.object);
        for object in wanted.objects() {
            match live.domain.shelf(object.kind).get(&object.name) {
                Some(now) => self.values(name, now, object),
                None => self.make(name, object),
            }
        }
        Ok(!enabled || stop)
    }

    fn make(&mut self, domain: &str, object: &Object) {
        let path = system::object_path(domain, object.kind, &object.name);
        self.push(path, Action::Make, object.place.clone());
        self.values(domain, &Object::new(object.kind, &object.name), object);
    }

    /// Writes what differs between two states of an object.
    fn values(&mut self, domain: &str, now: &Object, wanted: &Object) {
        let dir = system::object_path(domain, wanted.kind, &wanted.name);
        for attribute in wanted.kind.attributes() {
            let (old, new) = (now.value(attribute.name), wanted.value(attribute.name));
            if old != new {
                self.write(
                    dir.join(attribute.name),
                    old,
                    new,
                    wanted.place_of(attribute.name),
                );
            }
        }
    }

    /// Writes the settings of devices that differ.
    fn settings(
        &mut self,
        wanted: &Topology,
        permissions: Permissions,
        files: &dyn Files,
    ) -> Result<(), Impossible> {
        if wanted.devices.is_empty() {
            return Ok(());
        }
        let devices = system::read_devices(files)?;
        for (name, settings) in &wanted.devices {
            let place = &settings.place;
            let Some(device) = devices.iter().find(|device| device.name == *name) else {
                return Err(Impossible::NoDevice {
                    device: name.clone(),
                    there: names(&devices),
                    place: place.clone(),
                });
            };
            let from = self.steps.len();
            for (file, now, then) in [
                (
                    "sequence_numbers/group{}_sns_per_queue",
                    &device.sequence_numbers,
                    &settings.sequence_numbers,
                ),
                (
                    "cos_bw/cos{}_bw_percent",
                    &device.cos_bandwidth,
                    &settings.cos_bandwidth,
                ),
            ] {
                let mut changes: Vec<_> = then
                    .iter()
                    .map(|(at, new)| (*at, now.get(at).copied().unwrap_or(0), *new))
                    .filter(|(_, old, new)| old != new)
                    .collect();
                // Shares of bandwidth that shrink make room for those that grow.
                changes.sort_by_key(|(_, old, new)| new > old);
                for (at, old, new) in changes {
                    let path = device.path().join(file.replace("{}", &at.to_string()));
                    self.write(path, &old.to_string(), &new.to_string(), place.as_ref());
                }
            }
            for (tuning, new) in &settings.tuning {
                let Some(old) = device.tuning.get(tuning) else {
                    return Err(Impossible::NoSetting {
                        device: name.clone(),
                        what: format!("tuning/{tuning}"),
                        place: place.clone(),
                    });
                };
                if old != new {
                    let dir = device.path().join("tuning");
                    self.write(dir.join(tuning), old, new, place.as_ref());
                    // A percentage and weights replace each other, and -1 says that weights hold.
                    let other = schema::other_way(tuning)
                        .and_then(|other| Some((other, device.tuning.get(other)?.clone())))
                        .filter(|(other, value)| match schema::is_percent(other) {
                            true => value != "-1",
                            false => old == "-1",
                        });
                    if let Some((other, old)) = other {
                        self.push(dir.join(other), Action::Lose { old }, place.clone());
                    }
                }
            }
            let writes = self.steps.split_off(from);
            self.shares(device, settings, writes, permissions, files)?;
        }
        Ok(())
    }

    /// Turns virtual functions on or off, and gives them what they shall have. The device's settings
    /// are written while they are off, because there are some that they hold on to.
    fn shares(
        &mut self,
        device: &Device,
        settings: &DeviceSettings,
        mut writes: Vec<Step>,
        permissions: Permissions,
        files: &dyn Files,
    ) -> Result<(), Impossible> {
        let Some(count) = settings.num_vfs else {
            self.steps.append(&mut writes);
            return Ok(());
        };
        let (on, most) = device.vfs;
        let place = settings.place.as_ref();
        if count > most {
            return Err(Impossible::NoSetting {
                device: device.name.clone(),
                what: format!("{count} virtual functions, but {most}"),
                place: place.cloned(),
            });
        }
        let nothing = Share::default();
        let now = system::read_shares(files, device);
        let wanted = |vf: u32| settings.vfs.get(&vf).unwrap_or(&nothing);
        let differs = |vf: u32| -> Vec<Change> {
            let has = now.get(&vf).map(|live| &live.resources);
            let old = |name: &str| has.and_then(|has| has.get(name)).copied().unwrap_or(0);
            let counts = wanted(vf).counts();
            counts
                .map(|(name, new)| (vf, name, old(name), new))
                .filter(|(_, _, old, new)| old != new)
                .collect()
        };
        // Their number is fixed while they are on.
        let mut anew = on != count;
        // Their drivers ask for it once.
        let layout = writes
            .iter()
            .any(|step| step.path.ends_with("tuning/cq_layout"));
        let obstacle = now
            .iter()
            .find(|(vf, live)| live.locked && (anew || layout || !differs(**vf).is_empty()));
        if let Some((vf, _)) = obstacle {
            if !permissions.restart {
                return Err(Impossible::Locked {
                    device: device.name.clone(),
                    vf: *vf,
                    place: wanted(*vf).place.as_ref().or(place).cloned(),
                });
            }
            anew = true;
        }
        if !anew {
            self.steps.append(&mut writes);
            self.changes(device, settings, (0..count).flat_map(differs).collect());
            return Ok(());
        }
        let number = device.path().join("sriov_numvfs");
        let probe = device.path().join("sriov_drivers_autoprobe");
        let probes = files.read(&probe).is_ok_and(|text| text == "1");
        // Back again, the driver gets them when autoprobe is on, without which nobody gets any.
        let mut bound: Vec<_> = system::functions(files, &device.path())
            .into_iter()
            .map(|function| Path::new(system::DRIVER).join(function))
            .filter(|path| files.exists(path))
            .collect();
        // Each gets the lowest number that is free: the one that had it is to come back first.
        bound.sort_by_key(|path| {
            let number = files.read(&path.join("dev_id")).ok();
            std::cmp::Reverse(number.and_then(|number| number.parse::<u32>().ok()))
        });
        for path in bound {
            self.push(path, Action::Unbind, place.cloned());
        }
        // Their driver must not come before they have something: then it is too late.
        if probes {
            self.write(probe.clone(), "1", "0", place);
        }
        if on > 0 {
            for (vf, live) in &now {
                for (name, old) in live.share().resources {
                    let path = system::share_path(device, *vf).join(name);
                    let old = old.to_string();
                    self.push(path, Action::Lose { old }, place.cloned());
                }
            }
            self.write(number.clone(), &on.to_string(), "0", place);
        }
        self.steps.append(&mut writes);
        if count > 0 {
            self.write(number, "0", &count.to_string(), place);
            let all = |vf| {
                let counts = wanted(vf).counts().filter(|(_, new)| *new > 0);
                counts.map(move |(name, new)| (vf, name, 0, new))
            };
            self.changes(device, settings, (0..count).flat_map(all).collect());
        }
        if probes {
            self.write(probe, "0", "1", place);
        }
        if probes && count > 0 {
            self.push(device.path(), Action::Probe, place.cloned());
        }
        Ok(())
    }

    fn changes(&mut self, device: &Device, settings: &DeviceSettings, mut changes: Vec<Change>) {
        // What shrinks makes room for what grows.
        changes.sort_by_key(|(_, _, old, new)| new > old);
        for (vf, name, old, new) in changes {
            let share = settings.vfs.get(&vf).and_then(|share| share.place.as_ref());
            let path = system::share_path(device, vf).join(name);
            let place = share.or(settings.place.as_ref());
            self.write(path, &old.to_string(), &new.to_string(), place);
        }
    }

    /// Does it. If a step fails, or `interrupted` says so, undoes those before it.
    ///
    /// # Errors
    ///
    /// Why it was undone.
    pub fn run(
        &self,
        files: &dyn Files,
        interrupted: &dyn Fn() -> bool,
        mut tell: impl FnMut(&Step),
    ) -> Result<(), Box<Failure>> {
        for (at, step) in self.steps.iter().enumerate() {
            // What a step takes away is noted beside it: the two are not to be parted.
            let parts = matches!(step.action, Action::Lose { .. });
            let result = if !parts && interrupted() {
                Err(io::ErrorKind::Interrupted.into())
            } else {
                tell(step);
                act(files, step)
            };
            if let Err(source) = result {
                // Who may not write has not reached the driver, and its words are about another try.
                let objection = objection(files, step)
                    .filter(|_| source.kind() != io::ErrorKind::PermissionDenied);
                let left = undo(files, &self.steps[..at]);
                let step = step.clone();
                return Err(Box::new(Failure {
                    step,
                    source,
                    objection,
                    left,
                }));
            }
        }
        Ok(())
    }
}

/// What stands in the way of changing an enabled domain: the first difference that is not live.
fn obstacle(wanted: &Domain, live: &Domain) -> Option<(String, Option<Place>)> {
    let differs = |wanted: &Object, now: &Object| {
        let fixed = |name: &&'static str| wanted.value(name) != now.value(name);
        let names = wanted
            .kind
            .attributes()
            .iter()
            .filter(|a| !a.live)
            .map(|a| a.name);
        names.into_iter().find(fixed).map(|name| {
            let path = match wanted.kind {
                Kind::Domain => name.to_string(),
                kind => format!("{name} of {kind} `{}`", wanted.name),
            };
            (path, wanted.place_of(name).cloned())
        })
    };
    let gone = live
        .objects()
        .find(|object| !wanted.shelf(object.kind).contains_key(&object.name))
        .map(|object| {
            (
                format!("its set of {}s", object.kind),
                wanted.object.place.clone(),
            )
        });
    let inside = || {
        wanted
            .objects()
            .find_map(|object| match live.shelf(object.kind).get(&object.name) {
                Some(now) => differs(object, now),
                None => Some((format!("its set of {}s", object.kind), object.place.clone())),
            })
    };
    differs(&wanted.object, &live.object)
        .or(gone)
        .or_else(inside)
}

fn act(files: &dyn Files, step: &Step) -> io::Result<()> {
    match &step.action {
        Action::Make => files.mkdir(&step.path),
        Action::Remove(_) => files.rmdir(&step.path),
        Action::Lose { .. } => Ok(()),
        Action::Write { new, .. } => files.write(&step.path, new),
        Action::Probe => {
            system::probe(files, &system::functions(files, &step.path));
            Ok(())
        }
        // If it will not go now, it goes with the function.
        Action::Unbind => {
            system::unbind(files, &[function(&step.path)]);
            Ok(())
        }
    }
}

/// Takes back steps, the last first. Returns what could not be taken back.
fn undo(files: &dyn Files, steps: &[Step]) -> Vec<String> {
    let mut left = Vec::new();
    for step in steps.iter().rev() {
        let is = |old: &String| files.read(&step.path).is_ok_and(|now| now == *old);
        let result = match &step.action {
            Action::Make => files.rmdir(&step.path),
            // What should have taken it away may have failed, or another step has brought it back.
            Action::Write { old, .. } | Action::Lose { old } if is(old) => Ok(()),
            // What a function has can be taken back when its driver has let go of it.
            Action::Probe => {
                system::unbind(files, &system::functions(files, &step.path));
                Ok(())
            }
            Action::Unbind => {
                system::probe(files, &[function(&step.path)]);
                Ok(())
            }
            Action::Write { old, .. } | Action::Lose { old } => files.write(&step.path, old),
            Action::Remove(values) => files.mkdir(&step.path).and_then(|()| {
                values
                    .iter()
                    .try_for_each(|(name, value)| files.write(&step.path.join(name), value))
            }),
        };
        if let Err(error) = result {
            left.push(format!("{step}: {error}"));
        }
    }
    left
}

/// What the driver has against enabling a domain, in its own words.
fn objection(files: &dyn Files, step: &Step) -> Option<String> {
    let enables = step.path.ends_with("enable");
    let words = files.read(&step.path.with_file_name("error")).ok();
    words.filter(|words| enables && !words.is_empty())
}

/// A plan that failed and was undone.
#[derive(Debug)]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// What the system said.
    pub source: io::Error,
    /// What the driver said beyond that.
    pub objection: Option<String>,
    /// What could not be undone, which should be nothing.
    pub left: Vec<String>,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&prefix(&self.step.place))?;
        if self.source.kind() == io::ErrorKind::Interrupted {
            write!(f, "interrupted before `{}`", self.step)?;
        } else {
            write!(f, "`{}` failed: ", self.step)?;
            match &self.objection {
                Some(words) => write!(f, "{words}")?,
                None => write!(f, "{}", explain(&self.step, &self.source))?,
            }
        }
        if self.left.is_empty() {
            f.write_str("; all was left as before")
        } else {
            write!(f, "; this could not be undone: {}", self.left.join("; "))
        }
    }
}

/// What an error means here, and what to do about it.
fn explain(step: &Step, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::ResourceBusy if step.path.to_string_lossy().contains("sns_per_queue") => {
            "a domain or a virtual function has sequence numbers of the group: disable the one, \
             and turn off the other (dlbctl vf off), first"
        }
        io::ErrorKind::ResourceBusy if step.path.ends_with("tuning/cq_layout") => {
            "a domain of the device is enabled, or a virtual function bound: undo that first"
        }
        io::ErrorKind::StorageFull if step.path.to_string_lossy().contains("_resources/") => {
            "the physical function has too little of it that is free"
        }
        io::ErrorKind::PermissionDenied => "you need the permission to write it (root has)",
        io::ErrorKind::ResourceBusy => match step.action {
            Action::Remove(_) | Action::Make => "the domain is enabled: disable it first",
            _ => "it cannot change while the domain is enabled",
        },
        io::ErrorKind::NotFound if matches!(step.action, Action::Make) => {
            "is the driver loaded, and configfs mounted?"
        }
        io::ErrorKind::AlreadyExists => "somebody else made it meanwhile",
        _ => return error.to_string(),
    };
    format!("{error}: {remedy}")
}

/// A resource that a topology needs more of than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// On which device.
    pub device: String,
    /// The resource.
    pub what: String,
    /// How much is asked for.
    pub asked: u32,
    /// How much there will be.
    pub free: u32,
    /// Who asks for it.
    pub by: String,
    /// Where the first of them does.
    pub place: Option<Place>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage {
            device,
            what,
            asked,
            free,
            by,
            ..
        } = self;
        write!(
            f,
            "{}{device} has {free} {what} free, but {asked} are asked for by {by}",
            prefix(&self.place)
        )
    }
}

/// What a domain takes from a device when it is enabled.
pub fn needs(domain: &Domain, device: &Device) -> BTreeMap<&'static str, u32> {
    let number = |name: &str| domain.object.number(name);
    let sum = |kind: Kind, need: &dyn Fn(&Object) -> u32| -> u32 {
        domain
            .shelf(kind)
            .values()
            .map(need)
            .fold(0, u32::saturating_add)
    };
    let count = |kind: Kind| domain.shelf(kind).len() as u32;
    let depth = |port: &Object| port.number("cq_depth").unwrap_or(0);
    let history = |port: &Object| port.number("cq_history_list_size").unwrap_or(depth(port));

    let ldb_queues = count(Kind::LdbQueue);
    let consumers = domain.consumers();
    let consumes = |port: &Object| consumers.values().any(|name| *name == port.name);
    let ldb_credits = match ldb_queues {
        0 => 0,
        queues => 128 * queues + sum(Kind::LdbPort, &depth),
    };
    let dir_credits = 128 * count(Kind::DirQueue)
        + sum(Kind::DirPort, &|port| {
            if consumes(port) {
                depth(port)
            } else {
                0
            }
        });

    let mut needs = BTreeMap::from([
        ("num_sched_domains", 1),
        ("num_ldb_queues", ldb_queues),
        ("num_ldb_ports", count(Kind::LdbPort)),
        ("num_dir_ports", count(Kind::DirPort)),
        (
            "num_hist_list_entries",
            number("num_hist_list_entries").unwrap_or(sum(Kind::LdbPort, &history)),
        ),
        (
            "num_atomic_inflights",
            number("num_atomic_inflights").unwrap_or(sum(Kind::LdbQueue, &|queue| {
                queue.number("num_atomic_inflights").unwrap_or(0)
            })),
        ),
    ]);
    let ldb_credits = number("num_ldb_credits").unwrap_or(ldb_credits);
    let dir_credits = number("num_dir_credits").unwrap_or(dir_credits);
    if device.is_2_5 {
        let sum = ldb_credits.saturating_add(dir_credits);
        needs.insert("num_ldb_credits", number("num_credits").unwrap_or(sum));
    } else {
        needs.insert("num_ldb_credits", ldb_credits);
        needs.insert("num_dir_credits", dir_credits);
    }
    for (class, name) in [
        "num_cos0_ldb_ports",
        "num_cos1_ldb_ports",
        "num_cos2_ldb_ports",
        "num_cos3_ldb_ports",
    ]
    .into_iter()
    .enumerate()
    {
        let strict = sum(Kind::LdbPort, &|port| {
            let here = port.number("cos") == Some(class as u32);
            u32::from(here && port.value("cos_strict") == "1")
        });
        needs.insert(name, number(name).unwrap_or(strict));
    }
    let mut slots = [0, 0];
    for queue in domain.shelf(Kind::LdbQueue).values() {
        let numbers = queue.number("num_sequence_numbers").unwrap_or(0);
        // The driver takes the first group that is set to so many.
        let groups = device.sequence_numbers.iter();
        let group = groups
            .filter(|(_, per_queue)| **per_queue == numbers)
            .map(|(at, _)| *at)
            .min();
        if let Some(slot) = group.and_then(|at| slots.get_mut(at as usize)) {
            *slot += 1;
        }
    }
    for (name, slots) in ["num_sn0_slots", "num_sn1_slots"].into_iter().zip(slots) {
        needs.insert(name, number(name).unwrap_or(slots));
    }
    needs
}

/// What of the resources that `wanted` needs is not there. Domains that are there already, and stay
/// enabled, have what they need; those that go or start anew give back what they have.
///
/// # Errors
///
/// If something cannot be read.
pub fn shortages(
    wanted: &Topology,
    plan: &Plan,
    files: &dyn Files,
) -> Result<Vec<Shortage>, Unreadable> {
    let mut devices = system::read_devices(files)?;
    for device in &mut devices {
        if let Some(settings) = wanted.devices.get(&device.name) {
            device
                .sequence_numbers
                .extend(settings.sequence_numbers.clone());
        }
    }
    let only = (devices.len() == 1).then_some(0);
    // What a virtual function will have when it has come again is not to be read yet.
    let goes = |device: &Device| {
        let path = device.path();
        let mut steps = plan.steps.iter();
        steps.any(|step| step.action == Action::Unbind && step.path == path)
    };
    let find = |domain: &Domain| match domain.object.value("device") {
        "auto" => only,
        name => devices
            .iter()
            .position(|device| device.name == name && !goes(device)),
    };
    let writes = |name: &str, value: &str| {
        let path = system::domain_path(name).join("enable");
        plan.steps.iter().any(|step| {
            step.path == path && matches!(&step.action, Action::Write { new, .. } if new == value)
        })
    };

    let mut free: Vec<_> = devices
        .iter()
        .map(|device| device.available.clone())
        .collect();
    // The longest run of free history-list entries, as long as nothing else changes.
    let mut longest: Vec<_> = devices
        .iter()
        .map(|device| device.available.get("max_ctg_hl_entries").copied())
        .collect();
    // Virtual functions give and take as well; what they take is known to be too much only here.
    let mut short = Vec::new();
    for (at, device) in devices.iter().enumerate() {
        let Some(settings) = wanted.devices.get(&device.name) else {
            continue;
        };
        let Some(count) = settings.num_vfs else {
            continue;
        };
        longest[at] = None;
        for live in system::read_shares(files, device).values() {
            for (name, count) in &live.resources {
                *free[at].entry(name.to_string()).or_default() += count;
            }
        }
        let mut asked: BTreeMap<&str, u32> = BTreeMap::new();
        for vf in 0..count {
            let Some(share) = settings.vfs.get(&vf) else {
                continue;
            };
            for (name, count) in &share.resources {
                let sum = asked.entry(name).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        for (what, asked) in asked {
            let room = free[at].entry(what.to_string()).or_default();
            if asked > *room {
                short.push(Shortage {
                    device: device.name.clone(),
                    what: what.to_string(),
                    asked,
                    free: *room,
                    by: "its virtual functions".to_string(),
                    place: settings.place.clone(),
                });
            }
            *room = room.saturating_sub(asked);
        }
    }
    for live in system::read_domains(files)? {
        let Some(at) = find(&live.domain) else {
            continue;
        };
        if live.domain.enable && writes(live.domain.name(), "0") {
            longest[at] = None;
            for (what, count) in needs(&live.domain, &devices[at]) {
                if let Some(free) = free[at].get_mut(what) {
                    *free += count;
                }
            }
        }
    }
    let mut asked: BTreeMap<(usize, &str), (u32, Vec<&Domain>)> = BTreeMap::new();
    for domain in wanted
        .domains
        .values()
        .filter(|domain| writes(domain.name(), "1"))
    {
        let Some(at) = find(domain) else { continue };
        for queue in domain.shelf(Kind::LdbQueue).values() {
            let numbers = queue.number("num_sequence_numbers").unwrap_or(0);
            let mut groups = devices[at].sequence_numbers.values();
            if numbers > 0
                && !devices[at].sequence_numbers.is_empty()
                && groups.all(|per| *per != numbers)
            {
                short.push(Shortage {
                    device: devices[at].name.clone(),
                    what: format!("groups of {numbers} sequence numbers per queue"),
                    asked: 1,
                    free: 0,
                    by: format!("domain `{}`", domain.name()),
                    place: queue.place_of("num_sequence_numbers").cloned(),
                });
            }
        }
        for (what, count) in needs(domain, &devices[at]) {
            // Those of a domain lie next to each other.
            let room = free[at].get(what).copied().unwrap_or(0);
            let too_short = |longest: &u32| {
                what == "num_hist_list_entries" && count > *longest && count <= room
            };
            if let Some(longest) = longest[at].filter(too_short) {
                short.push(Shortage {
                    device: devices[at].name.clone(),
                    what: format!("{what} in one piece"),
                    asked: count,
                    free: longest,
                    by: format!("domain `{}`", domain.name()),
                    place: domain.object.place_of(what).cloned(),
                });
            }
            if count > 0 {
                let entry = asked.entry((at, what)).or_default();
                entry.0 = entry.0.saturating_add(count);
                entry.1.push(domain);
            }
        }
    }
    for ((at, what), (asked, by)) in asked {
        let Some(&free) = free[at].get(what).filter(|free| **free < asked) else {
            continue;
        };
        // The one that asks for most is the one to look at.
        let most = by
            .iter()
            .max_by_key(|domain| needs(domain, &devices[at]).remove(what));
        let names: Vec<_> = by
            .iter()
            .map(|domain| format!("`{}`", domain.name()))
            .collect();
        let (first, rest) = names.split_at(names.len().min(3));
        short.push(Shortage {
            device: devices[at].name.clone(),
            what: what.to_string(),
            asked,
            free,
            by: match (first, rest.len()) {
                ([one], _) => format!("domain {one}"),
                (some, 0) => format!("domains {}", some.join(", ")),
                (some, more) => format!("domains {} and {more} more", some.join(", ")),
            },
            place: most.and_then(|domain| domain.object.place_of(what).cloned()),
        });
    }
    Ok(short)
}

/// Takes a lock that keeps other runs of this program out, until it is dropped.
///
/// # Errors
///
/// If somebody else has it, or the directory cannot be opened.
pub fn lock(root: &Path) -> io::Result<std::fs::File> {
    let dir = std::fs::File::open(root)?;
    rustix::fs::flock(&dir, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(dir)
}
