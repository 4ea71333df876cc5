// SPDX-License-Identifier: GPL-2.0

//! Several devices: each with its own name and resources, and domains that move between them.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::enable::{small, why};
use crate::errno;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(10);

fn two() -> Result<(Device, Device), String> {
    let mut all = Device::all();
    ensure_eq!(all.len(), 2, "devices");
    let second = all.pop().ok_or("no second device")?;
    let first = all.pop().ok_or("no first device")?;
    Ok((first, second))
}

pub fn node(device: &str, d: &Domain, port: &str) -> PathBuf {
    Path::new("/dev").join(device).join(&d.name).join(port)
}

/// An event through the domain, on the device that it is on.
pub fn event(d: &Domain, device: &str) -> Outcome {
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let mut sink = Port::open(&node(device, d, "sink"), 64)?;
    sink.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 9));
    let entry = sink.pop_within(Duration::from_secs(5));
    ensure_eq!(entry.map(|e| e.data), Some(9), "an event on {device}");
    Ok(())
}

fn names() -> Outcome {
    let (first, second) = two()?;
    ensure_eq!(first.obj.get("dev_id")?, "0", "dev_id of the first");
    ensure_eq!(second.obj.get("dev_id")?, "1", "dev_id of the second");
    let d = small("either")?;
    ensure_eq!(d.enable(), Err(errno::EINVAL), "auto with two devices");
    ensure!(
        d.get("error")?.contains("device"),
        "error: {:?}",
        d.get("error")?
    );
    d.set("device", "dlb2")?;
    ensure_eq!(d.enable(), Err(errno::ENODEV), "a third device");
    Ok(())
}

fn apart() -> Outcome {
    let (first, second) = two()?;
    let (a, b) = (small("here")?, small("there")?);
    a.set("device", "dlb0")?;
    b.set("device", "dlb1")?;
    a.enable().map_err(|e| why(&a, e))?;
    second.all_free()?;
    b.enable().map_err(|e| why(&b, e))?;
    ensure_eq!(
        a.get("id")?,
        b.get("id")?,
        "both are the first domain of their device"
    );
    event(&a, "dlb0")?;
    event(&b, "dlb1")?;
    second.unbind()?;
    b.wait_state("absent", SOON)?;
    ensure_eq!(a.get("state")?, "enabled", "the domain of the other device");
    event(&a, "dlb0")?;
    ensure!(
        !Path::new("/dev/dlb1").exists(),
        "/dev/dlb1 without its device"
    );

    // Only one device is left, so that "auto" means it; the description moves there.
    b.set("device", "auto")?;
    b.enable().map_err(|e| why(&b, e))?;
    event(&b, "dlb0")?;
    event(&a, "dlb0")?;
    second.bind()?;
    ensure_eq!(second.obj.get("dev_id")?, "1", "dev_id after rebind");
    for d in [&a, &b] {
        d.disable()?;
    }
    first.soon_all_free(SOON)?;
    second.soon_all_free(SOON)
}

/// Devices that are probed at the same time find a number each.
fn together() -> Outcome {
    let (first, second) = two()?;
    for round in 0..8 {
        first.unbind()?;
        second.unbind()?;
        let bound = thread::scope(|scope| {
            let other = scope.spawn(|| second.bind());
            (first.bind(), other.join())
        });
        ensure!(
            matches!(bound, (Ok(()), Ok(Ok(())))),
            "round {round}: {bound:?}"
        );
        two()?;
    }
    // In their order again.
    first.unbind()?;
    second.unbind()?;
    first.bind()?;
    second.bind()?;
    names()
}

pub fn run(t: &mut Suite) {
    t.case("names", names);
    t.case("apart", apart);
    t.case("together", together);
    t.case("the kernel log is clean", tree::log_is_clean);
}
