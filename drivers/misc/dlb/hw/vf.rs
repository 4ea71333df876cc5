// SPDX-License-Identifier: GPL-2.0

//! What the PF gives to its VFs.
//!
//! A VF starts with nothing. The administrator assigns resources to it, until its driver registers:
//! from then on the share is locked, and the VF knows its objects by virtual numbers, counted from
//! 0 in the order of the physical ones. The same numbers stand in the hardware's maps, see the rows
//! for VFs where queues and ports are created.

use super::error::Error;
use super::error::InUse;
use super::error::Param;
use super::error::Resource;
use super::error::Result;
use super::io::Csr;
use super::io::Io;
use super::irq::Budget;
use super::irq::Storm;
use super::regs::func::pf::*;
use super::regs::iosf::*;
use super::resources::*;

/// What the PF's driver knows about one VF.
#[derive(Clone, Copy, Default)]
pub(super) struct Vf {
    pub(super) hl_base: u16,
    pub(super) hl_len: u16,
    pub(super) atomic: u16,
    pub(super) ldb_credits: u16,
    pub(super) dir_credits: u16,
    pub(super) sn_slots: [u8; NUM_SN_GROUPS],
    /// Its driver is registered; its share is fixed.
    pub(super) registered: bool,
    /// The newest version of the mailbox's interface that its driver knows.
    pub(super) interface: u16,
    /// It was cut off from its BAR.
    pub(super) cut_off: bool,
    /// The VF it lends its vectors to.
    pub(super) primary: Maybe,
    /// Mailbox and reset interrupts it caused.
    pub(super) storm: Storm,
    /// Ingress errors it caused.
    pub(super) ingress: Budget,
}

/// The number under which a VF knows an object, and the physical one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Virtual number.
    pub virt: u32,
    /// Physical number.
    pub phys: u32,
}

/// The objects a VF's numbers stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapKind {
    /// Domains.
    Domains,
    /// Load-balanced queues.
    LdbQueues,
    /// Load-balanced ports.
    LdbPorts,
    /// Directed ports and queues.
    DirPorts,
}

/// An entry of a table that can change hands.
trait Owned {
    fn owner(&self) -> Owner;
    fn set_owner(&mut self, owner: Owner);
    /// Whether it is not part of a domain.
    fn is_free(&self) -> bool;
    fn virt(&self) -> u8;
    fn set_virt(&mut self, virt: u8);
}

macro_rules! owned {
    ($type:ty, $entry:ident => $free:expr) => {
        impl Owned for $type {
            fn owner(&self) -> Owner {
                self.owner
            }
            fn set_owner(&mut self, owner: Owner) {
                self.owner = owner;
            }
            fn is_free(&self) -> bool {
                let $entry = self;
                $free
            }
            fn virt(&self) -> u8 {
                self.virt
            }
            fn set_virt(&mut self, virt: u8) {
                self.virt = virt;
            }
        }
    };
}

owned!(Domain, entry => !entry.configured);
owned!(LdbQueue, entry => entry.domain.is_none());
owned!(LdbPort, entry => entry.domain.is_none());
owned!(DirPair, entry => entry.domain.is_none());

/// Moves entries between the PF and a VF until the VF has `asked`. Changes nothing if there are
/// not enough.
fn assign_entries<T: Owned>(table: &mut [T], vf: u8, what: Resource, asked: u32) -> Result {
    assign_in_order(table, 0..num(MAX_DIR_PORTS), vf, what, asked)
}

/// The same for the ports of one class of service, in the order in which they are handed out.
fn assign_ports(ports: &mut [LdbPort], vf: u8, what: Resource, asked: u32) -> Result {
    assign_in_order(ports, PORT_ORDER.into_iter(), vf, what, asked)
}

fn assign_in_order<T: Owned>(
    table: &mut [T],
    order: impl Iterator<Item = u8>,
    vf: u8,
    what: Resource,
    asked: u32,
) -> Result {
    let vf = Owner::of(Func::Vf(vf));
    let pf = Owner::of(Func::Pf);
    let has = count(table, |entry| entry.owner() == vf);
    let free = count(table, |entry| entry.owner() == pf && entry.is_free());
    fits(what, asked, has.saturating_add(free))?;
    let (from, to, mut moves) = match asked >= has {
        true => (pf, vf, asked.saturating_sub(has)),
        false => (vf, pf, has.saturating_sub(asked)),
    };
    for index in order {
        match table.get_mut(index as usize) {
            Some(entry) if moves != 0 && entry.owner() == from && entry.is_free() => {
                entry.set_owner(to);
                moves = moves.saturating_sub(1);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes all entries from a VF, used or not.
fn disown<T: Owned>(table: &mut [T], vf: u8) {
    let owner = Owner::of(Func::Vf(vf));
    for entry in table.iter_mut().filter(|entry| entry.owner() == owner) {
        entry.set_owner(Owner::of(Func::Pf));
    }
}

/// Numbers the entries a VF has.
fn number_entries<T: Owned>(table: &mut [T], vf: u8) {
    let owner = Owner::of(Func::Vf(vf));
    let entries = table.iter_mut().filter(|entry| entry.owner() == owner);
    for (virt, entry) in (0..u8::MAX).zip(entries) {
        entry.set_virt(virt);
    }
}

/// Numbers the ports a VF has: class of service by class of service, each in the order in which
/// they are handed out.
fn number_ports(ports: &mut [LdbPort], vf: u8) {
    let owner = Owner::of(Func::Vf(vf));
    let mut virt = 0u8;
    for class in ports.chunks_mut(PORTS_PER_COS) {
        for index in PORT_ORDER {
            if let Some(port) = class.get_mut(index as usize) {
                if port.owner == owner {
                    port.virt = virt;
                    virt = virt.saturating_add(1);
                }
            }
        }
    }
}

impl Pf {
    /// How many VFs are enabled.
    pub fn num_vfs(&self) -> u8 {
        self.num_vfs
    }

    /// Notes how many VFs are enabled, before they are and after they are not any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for more than there can be.
    pub fn set_num_vfs(&mut self, num_vfs: u32) -> Result {
        self.num_vfs = match u8::try_from(num_vfs) {
            Ok(n) if n as usize <= MAX_VFS => n,
            _ => {
                return Err(Error::Invalid {
                    what: Param::Vf,
                    value: num_vfs.into(),
                })
            }
        };
        Ok(())
    }

    pub(super) fn vf(&self, vf: u8) -> Result<&Vf> {
        self.vfs.get(vf as usize).ok_or(Error::Invalid {
            what: Param::Vf,
            value: vf.into(),
        })
    }

    pub(super) fn vf_mut(&mut self, vf: u8) -> Result<&mut Vf> {
        self.vfs.get_mut(vf as usize).ok_or(Error::Invalid {
            what: Param::Vf,
            value: vf.into(),
        })
    }

    /// Whether a VF's driver is registered, so that its share cannot be changed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such VF.
    pub fn is_vf_locked(&self, vf: u8) -> Result<bool> {
        Ok(self.vf(vf)?.registered)
    }

    fn unlocked(&self, vf: u8) -> Result {
        match self.vf(vf)?.registered {
            true => Err(Error::NotPermitted),
            false => Ok(()),
        }
    }

    /// Changes how much of something a VF has: what it has goes back to the PF, and the new amount
    /// is taken from there.
    ///
    /// # Errors
    ///
    /// - [`Error::Invalid`] if there is no such VF, or not any more.
    /// - [`Error::NotPermitted`] while the VF's driver is registered, or if the VF is auxiliary.
    /// - [`Error::NoSpace`] if the PF has too little; the VF keeps what it had.
    pub fn assign(&mut self, vf: u8, what: Resource, asked: u32) -> Result {
        self.unlocked(vf)?;
        // Nobody would take that back.
        if asked != 0 && vf >= self.num_vfs {
            return Err(Error::Invalid {
                what: Param::Vf,
                value: vf.into(),
            });
        }
        if !self.vf(vf)?.primary.is_none() && asked != 0 {
            return Err(Error::NotPermitted);
        }
        let free = self.available(Func::Pf);
        let old = *self.vf(vf)?;
        // What the VF has counts as free. All amounts fit their fields, because the device does not
        // have more.
        let fits = |free: u32, has: u32| fits(what, asked, free.saturating_add(has));
        match what {
            Resource::Domains => assign_entries(&mut self.domains, vf, what, asked),
            Resource::LdbQueues => assign_entries(&mut self.ldb_queues, vf, what, asked),
            Resource::DirPorts | Resource::DirQueues => {
                assign_entries(self.dir_pairs_mut(), vf, what, asked)
            }
            Resource::LdbPorts => {
                let has = self.share(Func::Vf(vf)).ldb_ports();
                fits(free.ldb_ports(), has)?;
                // From the first class of service upwards, as many as each has.
                let mut left = asked;
                for ports in self.ldb_ports.chunks_mut(PORTS_PER_COS) {
                    let owner = Owner::of(Func::Vf(vf));
                    let here = count(ports, |p| {
                        p.domain.is_none() && (p.owner == owner || p.owner == Owner::default())
                    });
                    let n = left.min(here);
                    assign_ports(ports, vf, what, n)?;
                    left = left.saturating_sub(n);
                }
                Ok(())
            }
            Resource::CosLdbPorts(cos) => {
                let first = usize::from(cos).saturating_mul(PORTS_PER_COS);
                let range = first..first.saturating_add(PORTS_PER_COS);
                let ports = self.ldb_ports.get_mut(range).ok_or(Error::Invalid {
                    what: Param::Cos,
                    value: cos.into(),
                })?;
                assign_ports(ports, vf, what, asked)
            }
            Resource::LdbCredits => {
                fits(free.ldb_credits, old.ldb_credits.into())?;
                self.vf_mut(vf)?.ldb_credits = asked as u16;
                Ok(())
            }
            Resource::DirCredits => {
                fits(free.dir_credits, old.dir_credits.into())?;
                self.vf_mut(vf)?.dir_credits = asked as u16;
                Ok(())
            }
            Resource::AtomicInflights => {
                fits(free.atomic_inflights, old.atomic.into())?;
                self.vf_mut(vf)?.atomic = asked as u16;
                Ok(())
            }
            Resource::HistListEntries => {
                self.vf_mut(vf)?.hl_len = 0;
                let found = self.find_hist_list(Func::Pf, asked);
                let entry = self.vf_mut(vf)?;
                match found {
                    Ok(base) => {
                        entry.hl_base = base;
                        entry.hl_len = asked as u16;
                        Ok(())
                    }
                    Err(error) => {
                        entry.hl_len = old.hl_len;
                        Err(error)
                    }
                }
            }
            Resource::SnSlots(group) => {
                let group = usize::from(group);
                let invalid = Error::Invalid {
                    what: Param::SnGroup,
                    value: group as u64,
                };
                let free = free.sn_slots.get(group).ok_or(invalid)?;
                let slots = self.vf_mut(vf)?.sn_slots.get_mut(group).ok_or(invalid)?;
                fits(*free, (*slots).into())?;
                *slots = asked as u8;
                Ok(())
            }
            Resource::SequenceNumbers(_) | Resource::Links => Err(Error::Internal),
        }
    }

    /// Everything a VF can be given.
    const ASSIGNABLE: [Resource; 13] = [
        Resource::Domains,
        Resource::LdbQueues,
        Resource::CosLdbPorts(0),
        Resource::CosLdbPorts(1),
        Resource::CosLdbPorts(2),
        Resource::CosLdbPorts(3),
        Resource::DirPorts,
        Resource::LdbCredits,
        Resource::DirCredits,
        Resource::AtomicInflights,
        Resource::HistListEntries,
        Resource::SnSlots(0),
        Resource::SnSlots(1),
    ];

    /// Takes back everything a VF has.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] while the VF's driver is registered.
    pub fn unassign(&mut self, vf: u8) -> Result {
        for what in Self::ASSIGNABLE {
            self.assign(vf, what, 0)?;
        }
        Ok(())
    }

    /// Gives each enabled VF that is not auxiliary the same part of everything that no domain of
    /// the PF has. What cannot be divided stays with the PF.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] if one of them is locked; then nothing is changed.
    pub fn split_evenly(&mut self) -> Result {
        for vf in 0..self.num_vfs {
            self.unlocked(vf)?;
        }
        for vf in 0..self.num_vfs {
            self.unassign(vf)?;
        }
        let enabled = self.vfs.get(..self.num_vfs.into()).unwrap_or(&[]);
        let n = count(enabled, |vf| vf.primary.is_none());
        let free = self.available(Func::Pf);
        let part = |free: u32| free.checked_div(n).unwrap_or(0);
        let [cos0, cos1, cos2, cos3] = free.cos_ldb_ports;
        let [sn0, sn1] = free.sn_slots;
        let all = [
            free.domains,
            free.ldb_queues,
            cos0,
            cos1,
            cos2,
            cos3,
            free.dir_ports,
            free.ldb_credits,
            free.dir_credits,
            free.atomic_inflights,
            free.max_ctg_hl_entries,
            sn0,
            sn1,
        ];
        for vf in 0..self.num_vfs {
            if self.vf(vf)?.primary.is_none() {
                for (what, free) in Self::ASSIGNABLE.iter().zip(all) {
                    self.assign(vf, *what, part(free))?;
                }
            }
        }
        Ok(())
    }

    /// The VFs that lend their vectors to this one, one bit each.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such VF.
    pub fn aux_vfs(&self, vf: u8) -> Result<u16> {
        self.vf(vf)?;
        let mut bits = 0u16;
        for (aux, entry) in (0..num(MAX_VFS)).zip(&self.vfs) {
            if entry.primary.is(vf) {
                bits |= 1 << (aux & 15);
            }
        }
        Ok(bits)
    }

    /// Chooses the VFs that lend their vectors to this one. Their resources go back to the PF.
    ///
    /// # Errors
    ///
    /// - [`Error::Invalid`] if one of them does not exist, is this one, has auxiliary VFs itself or
    ///   is another VF's.
    /// - [`Error::NotPermitted`] if one of the VFs concerned is registered.
    pub fn set_aux_vfs(&mut self, vf: u8, bits: u16) -> Result {
        self.unlocked(vf)?;
        let old = self.aux_vfs(vf)?;
        let chosen = |aux: u8| bits & (1 << (aux & 15)) != 0;
        for aux in 0..num(MAX_VFS) {
            let concerned = chosen(aux) || old & (1 << (aux & 15)) != 0;
            if concerned {
                self.unlocked(aux)?;
            }
            let primary = self.vf(aux)?.primary;
            let impossible = aux == vf
                || aux >= self.num_vfs
                || self.aux_vfs(aux)? != 0
                || !(primary.is_none() || primary.is(vf));
            if chosen(aux) && impossible {
                return Err(Error::Invalid {
                    what: Param::Vf,
                    value: aux.into(),
                });
            }
        }
        if bits != 0 && !self.vf(vf)?.primary.is_none() {
            return Err(Error::Invalid {
                what: Param::Vf,
                value: vf.into(),
            });
        }
        for aux in 0..num(MAX_VFS) {
            if chosen(aux) {
                self.unassign(aux)?;
                self.vf_mut(aux)?.primary = Maybe::some(vf);
            } else if self.vf(aux)?.primary.is(vf) {
                self.vf_mut(aux)?.primary = Maybe::NONE;
            }
        }
        Ok(())
    }

    /// Whether a VF has not been cut off from its BAR.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such VF.
    pub fn is_vf_bar_enabled(&self, vf: u8) -> Result<bool> {
        Ok(!self.vf(vf)?.cut_off)
    }

    /// Cuts a VF off from its BAR, or lets it back.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such VF, [`Error::Gone`].
    pub fn set_vf_bar_enabled(&mut self, csr: &dyn Csr, vf: u8, enabled: bool) -> Result {
        self.vf_mut(vf)?.cut_off = !enabled;
        let io = Io::new(csr, self.version);
        io.write(
            IOSF_FUNC_VF_BAR_DSBL::at(vf.into()),
            IOSF_FUNC_VF_BAR_DSBL::zeroed().func_vf_bar_dis((!enabled).into()),
        );
        if enabled {
            // Whatever it did while it was cut off is over.
            self.vf_mut(vf)?.storm = Storm::default();
            io.write(
                PF_VF2PF_ISR_PEND::at(vf.into()),
                PF_VF2PF_ISR_PEND::zeroed().isr_pend(1),
            );
        }
        io.flush()
    }

    /// Fixes a VF's share and numbers its objects.
    pub(super) fn lock_vf(&mut self, vf: u8) -> Result {
        number_entries(&mut self.domains, vf);
        number_entries(&mut self.ldb_queues, vf);
        number_ports(&mut self.ldb_ports, vf);
        number_entries(&mut self.dir_pairs, vf);
        self.vf_mut(vf)?.registered = true;
        Ok(())
    }

    /// Resets all domains of a VF. Goes on after an error, and returns the first.
    ///
    /// # Errors
    ///
    /// As [`Pf::reset_domain`].
    pub fn reset_vf(&mut self, csr: &dyn Csr, vf: u8) -> Result {
        let owner = Owner::of(Func::Vf(vf));
        let mut result = Ok(());
        for d in 0..num(MAX_DOMAINS) {
            let domain = self.domain(d)?;
            if domain.owner == owner && domain.configured {
                result = result.and(self.reset_physical_domain(csr, d));
            }
        }
        result
    }

    /// Resets a VF's domains and frees its share for changes, after its driver is gone.
    ///
    /// # Errors
    ///
    /// As [`Pf::reset_domain`]. The share is free for changes nevertheless, except for what a
    /// domain that would not drain still has.
    pub fn unlock_vf(&mut self, csr: &dyn Csr, vf: u8) -> Result {
        let result = self.reset_vf(csr, vf);
        self.vf_mut(vf)?.registered = false;
        result
    }

    /// Takes everything back from a VF that is no more.
    ///
    /// # Errors
    ///
    /// As [`Pf::reset_domain`]; then the domain and what it has are the PF's, but of no use before a
    /// reset of the device.
    pub fn remove_vf(&mut self, csr: &dyn Csr, vf: u8) -> Result {
        let result = self.unlock_vf(csr, vf);
        for aux in 0..num(MAX_VFS) {
            let entry = self.vf_mut(aux)?;
            if entry.primary.is(vf) {
                entry.primary = Maybe::NONE;
            }
        }
        // Not by way of `unassign`: a domain that would not drain is no part of a share, and must
        // not be the next one's that has the number.
        disown(&mut self.domains, vf);
        disown(&mut self.ldb_queues, vf);
        disown(&mut self.ldb_ports, vf);
        disown(&mut self.dir_pairs, vf);
        *self.vf_mut(vf)? = Vf::default();
        super::irq::forget_ingress(&Io::new(csr, self.version), vf);
        result
    }

    /// Whether a VF has domains.
    pub fn has_domains(&self, func: Func) -> bool {
        let owner = Owner::of(func);
        self.domains
            .iter()
            .any(|d| d.owner == owner && d.configured)
    }

    /// What a VF's virtual number stands for. [`None`] past its last object, or if its driver is
    /// not registered: it has no numbers then.
    pub fn vf_map(&self, vf: u8, kind: MapKind, virt: u32) -> Option<Mapping> {
        fn find<T: Owned>(table: &[T], vf: u8, virt: u32) -> Option<u32> {
            let owner = Owner::of(Func::Vf(vf));
            let mut entries = (0..num(MAX_DIR_PORTS)).zip(table);
            entries
                .find(|(_, entry)| entry.owner() == owner && u32::from(entry.virt()) == virt)
                .map(|(phys, _)| phys.into())
        }
        if !self.vf(vf).ok()?.registered {
            return None;
        }
        let phys = match kind {
            MapKind::Domains => find(&self.domains, vf, virt),
            MapKind::LdbQueues => find(&self.ldb_queues, vf, virt),
            MapKind::LdbPorts => find(&self.ldb_ports, vf, virt),
            MapKind::DirPorts => find(self.dir_pairs(), vf, virt),
        };
        phys.map(|phys| Mapping { virt, phys })
    }

    /// Refuses while a VF's driver is registered.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`].
    pub fn check_vfs_idle(&self) -> Result {
        match self.vfs.iter().any(|vf| vf.registered) {
            true => Err(Error::Busy(InUse::Vf)),
            false => Ok(()),
        }
    }
}
