// SPDX-License-Identifier: GPL-2.0

//! What debugfs shows of virtual functions: `dlbN/vfM/maps`, `mailbox` and `errors`.

use kernel::{
    prelude::*,
    seq_file::{
        seq_print,
        SeqFile, //
    },
    str::CString,
    sync::Arc, //
};

use crate::{
    device::{
        Device,
        State, //
    },
    glue::debugfs::{
        Dir,
        Show, //
    },
    hw::{
        mbox::{
            REQUESTS,
            SUCCESS, //
        },
        vf::MapKind, //
    }, //
};

/// What a virtual function has done since it exists.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// By number.
    requests: [u32; REQUESTS.len()],
    /// Of no kind that there is.
    unknown: u32,
    /// Understood and refused, or not understood.
    refused: u32,
    resets: u32,
    cut_off: u32,
    /// Refused commands to producer ports that were reported.
    ingress: u32,
    /// Times that there were too many of them.
    throttled: u32,
    /// Consumers that do not take their events.
    watchdog: u32,
}

impl Counts {
    /// Of a function that has done nothing.
    pub(crate) const NONE: Self = Self {
        requests: [0; REQUESTS.len()],
        unknown: 0,
        refused: 0,
        resets: 0,
        cut_off: 0,
        ingress: 0,
        throttled: 0,
        watchdog: 0,
    };

    /// A request was answered.
    pub(crate) fn request(&mut self, command: u32, status: u32, failed: bool) {
        // CAST: `usize` is at least as wide as `u32` on the 64-bit machines that have this device.
        let count = self.requests.get_mut(command as usize);
        let count = count.unwrap_or(&mut self.unknown);
        *count = count.wrapping_add(1);
        if failed || status != SUCCESS {
            self.refused = self.refused.wrapping_add(1);
        }
    }

    /// The function was reset.
    pub(crate) fn reset(&mut self) {
        self.resets = self.resets.wrapping_add(1);
    }

    /// The function was cut off.
    pub(crate) fn cut_off(&mut self) {
        self.cut_off = self.cut_off.wrapping_add(1);
    }

    /// The device has refused a command.
    pub(crate) fn ingress(&mut self) {
        self.ingress = self.ingress.wrapping_add(1);
    }

    /// The device has refused too many.
    pub(crate) fn throttled(&mut self) {
        self.throttled = self.throttled.wrapping_add(1);
    }

    /// A consumer does not take its events.
    pub(crate) fn watchdog(&mut self) {
        self.watchdog = self.watchdog.wrapping_add(1);
    }

    fn show_mailbox(&self, out: &SeqFile) {
        for (name, count) in REQUESTS.iter().zip(&self.requests) {
            seq_print!(out, "{name} {count}\n");
        }
        seq_print!(out, "unknown {}\n", self.unknown);
        seq_print!(out, "refused {}\n", self.refused);
        seq_print!(out, "resets {}\n", self.resets);
        seq_print!(out, "cut_off {}\n", self.cut_off);
    }

    fn show_errors(&self, out: &SeqFile) {
        seq_print!(out, "ingress {}\n", self.ingress);
        seq_print!(out, "throttled {}\n", self.throttled);
        seq_print!(out, "watchdog {}\n", self.watchdog);
    }
}

/// A file about a virtual function.
pub(crate) struct File {
    device: Arc<Device>,
    vf: u8,
    show: fn(&mut State, u8, &SeqFile) -> Result,
}

impl Show for File {
    fn show(&self, out: &SeqFile) -> Result {
        (self.show)(&mut self.device.lock(), self.vf, out)
    }
}

/// The kinds of object that a virtual function has numbers for.
const KINDS: [(&str, MapKind); 4] = [
    ("domain", MapKind::Domains),
    ("ldb_queue", MapKind::LdbQueues),
    ("ldb_port", MapKind::LdbPorts),
    ("dir_port", MapKind::DirPorts),
];

fn maps(state: &mut State, vf: u8, out: &SeqFile) -> Result {
    let (pf, _) = state.pf()?;
    for (name, kind) in KINDS {
        for virt in 0..u32::MAX {
            let Some(mapping) = pf.vf_map(vf, kind, virt) else {
                break;
            };
            seq_print!(out, "{name} {} {}\n", mapping.virt, mapping.phys);
        }
    }
    Ok(())
}

fn counts(state: &State, vf: u8) -> Result<&Counts> {
    Ok(&state.vfs.get(usize::from(vf)).ok_or(ENODEV)?.counts)
}

fn mailbox(state: &mut State, vf: u8, out: &SeqFile) -> Result {
    counts(state, vf)?.show_mailbox(out);
    Ok(())
}

fn errors(state: &mut State, vf: u8, out: &SeqFile) -> Result {
    counts(state, vf)?.show_errors(out);
    Ok(())
}

/// Makes the directories of so many virtual functions of a device.
pub(crate) fn make(device: &Arc<Device>, vfs: u32) -> Result<Dir<File>> {
    let mut dir = Dir::new(&CString::try_from_fmt(fmt!("{}", device.name))?);
    for vf in 0..u8::try_from(vfs)? {
        let file = |show| File {
            device: device.clone(),
            vf,
            show,
        };
        dir.add(
            &CString::try_from_fmt(fmt!("vf{vf}"))?,
            [
                (c"maps", file(maps)),
                (c"mailbox", file(mailbox)),
                (c"errors", file(errors)),
            ],
        )?;
    }
    Ok(dir)
}
