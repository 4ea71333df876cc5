// SPDX-License-Identifier: GPL-2.0

//! The PF's side of the mailboxes: requests of VFs, resets of VFs, and messages to them.
//!
//! A VF is hostile until proven otherwise, and never is. Each word of a request is read once, so
//! that it cannot change between the check and the use. Every ID is looked up among the VF's own
//! objects, which is the check. A VF that causes too many interrupts is cut off from its BAR, which
//! it gets back by a reset or from the administrator.

use super::domain::*;
use super::error::Error;
use super::error::Object;
use super::error::Param;
use super::error::Result;
use super::io::Csr;
use super::io::Io;
use super::irq;
use super::mbox;
use super::mbox::*;
use super::regs::func::pf::*;
use super::regs::iosf::*;
use super::resources::*;
use super::Port;
use super::Version;

/// A VF may cause 1000 interrupts within a second. A driver that polls for each answer once per
/// millisecond cannot cause more.
const VF_STORM: u32 = 1001;

const EINVAL: i32 = -22;

/// Who is told what VFs do. Called with the bookkeeping locked.
pub trait VfEvents {
    /// A request was answered. `status` is the header status of the answer, and `error` what went
    /// wrong, if anything did.
    fn request(&mut self, vf: u8, command: u32, status: u32, error: Option<Error>);
    /// The VF was reset. Its domains were too, unless that failed.
    fn reset(&mut self, vf: u8, result: Result);
    /// The VF caused too many interrupts and was cut off.
    fn cut_off(&mut self, vf: u8);
}

/// An answer: its length in bytes and the message.
type Answer = (u32, Raw);

/// A request that was understood.
fn success<M: Message>(body: &M) -> Answer {
    (M::SIZE, mbox::response(SUCCESS, body))
}

/// A request that was not: only the status is an answer.
fn refuse(status: u32) -> Answer {
    (4, mbox::response(status, &Empty::default()))
}

/// The answer to most requests.
fn outcome(result: Result<u32>) -> Answer {
    success(&match result {
        Ok(value) => Outcome {
            value,
            ..Outcome::default()
        },
        Err(error) => Outcome {
            error_code: code_of(&error),
            status: error.status(),
            value: 0,
        },
    })
}

fn code(result: Result) -> Answer {
    success(&Code {
        error_code: result.err().map_or(CODE_OK, |error| code_of(&error)),
    })
}

fn numbers(resources: &Resources) -> Answer {
    // The device has less than 65536 of everything.
    success(&Numbers {
        error_code: CODE_OK,
        num_sched_domains: resources.domains as u16,
        num_ldb_queues: resources.ldb_queues as u16,
        num_ldb_ports: resources.ldb_ports() as u16,
        num_cos_ldb_ports: resources.cos_ldb_ports.map(|n| n as u16),
        num_dir_ports: resources.dir_ports as u16,
        num_atomic_inflights: resources.atomic_inflights,
        num_hist_list_entries: resources.hist_list_entries,
        max_contiguous_hist_list_entries: resources.max_ctg_hl_entries,
        num_ldb_credits: resources.ldb_credits as u16,
        num_dir_credits: resources.dir_credits as u16,
        num_sn_slots: resources.sn_slots.map(|n| n as u16),
    })
}

/// A request from the mailbox of a VF.
struct Request<'a> {
    vf: u8,
    raw: Raw,
    io: &'a Io<'a>,
    /// What went wrong, for the log: answers carry less.
    error: Option<Error>,
}

impl<'a> Request<'a> {
    /// Reads the first word, which says how much there is to read.
    fn read(io: &'a Io<'a>, vf: u8) -> Result<(u32, Self)> {
        let command = Self::word(io, vf, 0);
        io.check()?;
        let request = Self {
            vf,
            raw: Raw::default(),
            io,
            error: None,
        };
        Ok((command, request))
    }

    fn word(io: &Io<'_>, vf: u8, word: u32) -> u32 {
        let word = VF_REQUEST_WORD.saturating_add(word);
        io.read(PF_VF2PF_MAILBOX::at2(vf.into(), word)).msg()
    }

    /// Reads the rest of the message, each word once.
    fn body<C: Command>(&mut self) -> C {
        let words = C::SIZE.div_ceil(4);
        self.raw = Raw::from_words((0..words).map(|word| match word {
            0 => C::NUMBER,
            word => Self::word(self.io, self.vf, word),
        }));
        C::decode(&self.raw)
    }

    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.error = Some(*error);
        }
        result
    }

    fn outcome(&mut self, result: Result<u32>) -> Answer {
        outcome(self.note(result))
    }

    fn done(&mut self, result: Result) -> Answer {
        self.outcome(result.map(|()| 0))
    }

    fn code(&mut self, result: Result) -> Answer {
        code(self.note(result))
    }

    /// Refuses, and notes why.
    fn refuse(&mut self, status: u32, error: Error) -> Answer {
        self.error = Some(error);
        refuse(status)
    }
}

impl Pf {
    /// Serves VFs that were reset, and the mailboxes of those that rang.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn service_vfs(
        &mut self,
        csr: &dyn Csr,
        now_ms: u32,
        pf_id: u8,
        sink: &mut dyn VfEvents,
    ) -> Result {
        let io = Io::new(csr, self.version);
        let enabled = (1u32 << self.num_vfs.min(16)).wrapping_sub(1);
        let resets = io.read(PF_VF2PF_FLR_ISR::at(0)).vf_isr() & enabled;
        io.check()?;
        for vf in bits(resets) {
            self.service_vf_reset(&io, vf, sink);
        }
        let rings = io.read(PF_VF2PF_MAILBOX_ISR::at(0)).vf_isr() & enabled;
        io.check()?;
        for vf in bits(rings) {
            self.service_request(&io, vf, pf_id, sink)?;
            io.write(
                PF_VF2PF_MAILBOX_ISR::at(0),
                PF_VF2PF_MAILBOX_ISR::zeroed().vf_isr(1 << (vf & 15)),
            );
        }
        for vf in bits(resets | rings) {
            if self.vf_mut(vf)?.storm.note(now_ms, VF_STORM) {
                self.set_vf_bar_enabled(csr, vf, false)?;
                sink.cut_off(vf);
            }
            // Of one that was cut off, too: it cannot ring any more, but its reset must be heard.
            io.write(
                PF_VF2PF_ISR_PEND::at(vf.into()),
                PF_VF2PF_ISR_PEND::zeroed().isr_pend(1),
            );
        }
        Ok(())
    }

    /// Takes what is left of VFs that were there before, for those about to appear under the same
    /// numbers: an event that nobody has served keeps the next one from interrupting, and who was
    /// cut off, or reset at the last moment, has left its BAR blocked.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn prepare_vfs(&mut self, csr: &dyn Csr) -> Result {
        let io = Io::new(csr, self.version);
        for vf in 0..self.num_vfs {
            let entry = self.vf_mut(vf)?;
            entry.storm = Default::default();
            entry.ingress = Default::default();
            self.admit_vf(&io, vf);
            io.write(
                PF_VF2PF_ISR_PEND::at(vf.into()),
                PF_VF2PF_ISR_PEND::zeroed().isr_pend(1),
            );
        }
        io.flush()
    }

    /// Tells VFs that they are reset, after a reset of the device: it was theirs, too. Those that
    /// were reset themselves since then have that served as ever.
    pub(super) fn finish_vf_resets(&self, io: &Io<'_>) {
        let enabled = (1u32 << self.num_vfs.min(16)).wrapping_sub(1);
        let again = io.read(PF_VF2PF_FLR_ISR::at(0)).vf_isr();
        io.write(
            PF_VF_RESET_IN_PROGRESS::at(0),
            PF_VF_RESET_IN_PROGRESS::zeroed().vf_reset_in_progress(enabled & !again),
        );
    }

    /// Does what a VF's reset is: the hardware only says that there was one, and blocks the BAR.
    fn service_vf_reset(&mut self, io: &Io<'_>, vf: u8, sink: &mut dyn VfEvents) {
        let result = self.reset_vf(io.csr(), vf);
        // What the VF may still cause in this second is not forgotten: its owner can reset it as
        // often as it likes.
        self.admit_vf(io, vf);
        sink.reset(vf, result);
    }

    /// Lets a VF start from nothing.
    fn admit_vf(&mut self, io: &Io<'_>, vf: u8) {
        if let Ok(entry) = self.vf_mut(vf) {
            entry.cut_off = false;
        }
        // Whoever has the VF next is not told of it.
        irq::forget_ingress(io, vf);
        let bit = 1u32 << (vf & 15);
        // A request from before the reset is nobody's any more. The VF cannot have sent another one
        // yet.
        io.write(
            PF_VF2PF_MAILBOX_ISR::at(0),
            PF_VF2PF_MAILBOX_ISR::zeroed().vf_isr(bit),
        );
        io.write(
            IOSF_FUNC_VF_BAR_DSBL::at(vf.into()),
            IOSF_FUNC_VF_BAR_DSBL::zeroed(),
        );
        io.write(
            PF_VF_RESET_IN_PROGRESS::at(0),
            PF_VF_RESET_IN_PROGRESS::zeroed().vf_reset_in_progress(bit),
        );
        io.write(
            PF_VF2PF_FLR_ISR::at(0),
            PF_VF2PF_FLR_ISR::zeroed().vf_isr(bit),
        );
    }

    fn service_request(
        &mut self,
        io: &Io<'_>,
        vf: u8,
        pf_id: u8,
        sink: &mut dyn VfEvents,
    ) -> Result {
        let (command, mut request) = Request::read(io, vf)?;
        let (size, answer) = self.execute(command, &mut request, pf_id);
        io.check()?;
        for (word, value) in (0..PF_RESPONSE_WORDS).zip(answer.words(size)) {
            io.write(
                PF_PF2VF_MAILBOX::at2(vf.into(), word),
                PF_PF2VF_MAILBOX::zeroed().msg(*value),
            );
        }
        sink.request(vf, command, mbox::first_word(&answer), request.error);
        Ok(())
    }

    fn execute(&mut self, command: u32, r: &mut Request<'_>, pf_id: u8) -> Answer {
        let vf = r.vf;
        let known = self.vf(vf).is_ok_and(|entry| entry.registered);
        if command == Register::NUMBER {
            let args = r.body();
            return self.register(r, &args, pf_id);
        }
        if command > StopDomain::NUMBER {
            return r.refuse(INVALID_CMD_TYPE, Error::Internal);
        }
        // Without a registration its share is not fixed and its objects have no numbers.
        if !known {
            return r.refuse(INVALID_DATA, Error::NotPermitted);
        }
        let func = Func::Vf(vf);
        let csr = r.io.csr();
        match command {
            Unregister::NUMBER => {
                let result = self.unlock_vf(csr, vf);
                let _ = r.note(result);
                success(&Empty::default())
            }
            GetNumResources::NUMBER => numbers(&self.available(func)),
            GetNumUsedResources::NUMBER => numbers(&self.used(func)),
            CreateSchedDomain::NUMBER => {
                let args: CreateSchedDomain = r.body();
                let args = DomainArgs {
                    ldb_queues: args.num_ldb_queues,
                    ldb_ports: args.num_ldb_ports,
                    cos_ldb_ports: args.num_cos_ldb_ports,
                    cos_strict: args.cos_strict != 0,
                    dir_ports: args.num_dir_ports,
                    // The messages have no word for it.
                    near_dir_ports: 0,
                    ldb_credits: args.num_ldb_credits,
                    dir_credits: args.num_dir_credits,
                    hist_list_entries: args.num_hist_list_entries,
                    atomic_inflights: args.num_atomic_inflights,
                    sn_slots: args.num_sn_slots,
                };
                let result = self.create_domain(csr, func, &args);
                r.outcome(result)
            }
            ResetSchedDomain::NUMBER => {
                let args: ResetSchedDomain = r.body();
                let result = self.reset_domain(csr, func, args.id);
                r.code(result)
            }
            CreateLdbQueue::NUMBER => {
                let args: CreateLdbQueue = r.body();
                let queue = LdbQueueArgs {
                    sequence_numbers: args.num_sequence_numbers,
                    qid_inflights: args.num_qid_inflights,
                    atomic_inflights: args.num_atomic_inflights,
                    lock_id_comp_level: args.lock_id_comp_level,
                    depth_threshold: args.depth_threshold,
                };
                let result = self.create_ldb_queue(csr, func, args.domain_id, &queue);
                r.outcome(result)
            }
            CreateDirQueue::NUMBER => {
                let args: CreateDirQueue = r.body();
                let queue = DirQueueArgs {
                    port: Some(args.port_id).filter(|id| *id != NO_ID),
                    depth_threshold: args.depth_threshold,
                    near: false,
                };
                let result = self.create_dir_queue(csr, func, args.domain_id, &queue);
                r.outcome(result)
            }
            CreateLdbPort::NUMBER => {
                let args: CreateLdbPort = r.body();
                let port = LdbPortArgs {
                    cq_base: args.cq_base_address,
                    cq_depth: args.cq_depth.into(),
                    hist_list_size: args.cq_history_list_size.into(),
                    cos: Some(args.cos_id.into()),
                    cos_strict: args.cos_strict != 0,
                    inflight_threshold: Some(args.inflight_threshold.into())
                        .filter(|_| args.enable_inflight_ctrl != 0 && self.sends_inflight(vf)),
                    enabled: true,
                };
                let result = self.create_ldb_port(csr, func, args.domain_id, &port);
                r.outcome(result)
            }
            CreateDirPort::NUMBER => {
                let args: CreateDirPort = r.body();
                let port = DirPortArgs {
                    cq_base: args.cq_base_address,
                    cq_depth: args.cq_depth.into(),
                    queue: Some(args.queue_id as u32).filter(|id| *id != NO_ID),
                    near: false,
                    enabled: true,
                };
                let result = self.create_dir_port(csr, func, args.domain_id, &port);
                r.outcome(result)
            }
            EnableLdbPort::NUMBER | DisableLdbPort::NUMBER => {
                let args: EnableLdbPort = r.body();
                let port = PortId::Ldb(args.port_id);
                let on = command == EnableLdbPort::NUMBER;
                let result = self.set_port_enabled(csr, func, args.domain_id, port, on);
                r.done(result)
            }
            EnableDirPort::NUMBER | DisableDirPort::NUMBER => {
                let args: EnableDirPort = r.body();
                let port = PortId::Dir(args.port_id);
                let on = command == EnableDirPort::NUMBER;
                let result = self.set_port_enabled(csr, func, args.domain_id, port, on);
                r.done(result)
            }
            LdbPortOwnedByDomain::NUMBER => {
                let args: LdbPortOwnedByDomain = r.body();
                self.owned(vf, args.domain_id, PortId::Ldb(args.port_id))
            }
            DirPortOwnedByDomain::NUMBER => {
                let args: DirPortOwnedByDomain = r.body();
                self.owned(vf, args.domain_id, PortId::Dir(args.port_id))
            }
            MapQid::NUMBER => {
                let args: MapQid = r.body();
                let (port, queue) = (args.port_id, args.qid);
                let result = self.map_queue(csr, func, args.domain_id, port, queue, args.priority);
                r.done(result)
            }
            UnmapQid::NUMBER => {
                let args: UnmapQid = r.body();
                let result = self.unmap_queue(csr, func, args.domain_id, args.port_id, args.qid);
                r.done(result)
            }
            StartDomain::NUMBER => {
                let args: StartDomain = r.body();
                let result = self.start_domain(csr, func, args.domain_id);
                r.done(result)
            }
            StopDomain::NUMBER => {
                let args: StopDomain = r.body();
                let result = self.stop_domain(csr, func, args.domain_id);
                r.done(result)
            }
            EnableLdbPortIntr::NUMBER => {
                let args: EnableLdbPortIntr = r.body();
                self.enable_interrupt(r, PortId::Ldb(args.port_id.into()), &args)
            }
            EnableDirPortIntr::NUMBER => {
                // The two messages have one layout.
                let args: EnableLdbPortIntr = r.body();
                self.enable_interrupt(r, PortId::Dir(args.port_id.into()), &args)
            }
            ArmCqIntr::NUMBER => {
                let args: ArmCqIntr = r.body();
                let port = match args.is_ldb {
                    0 => PortId::Dir(args.port_id),
                    _ => PortId::Ldb(args.port_id),
                };
                let result = self.arm_cq_interrupt(csr, func, args.domain_id, port);
                r.done(result)
            }
            GetSnAllocation::NUMBER => {
                let args: GetSnAllocation = r.body();
                let num = self.sequence_numbers(args.group_id);
                success(&Number {
                    num: r.note(num).unwrap_or(EINVAL as u32),
                })
            }
            GetLdbQueueDepth::NUMBER => {
                let args: GetLdbQueueDepth = r.body();
                let result = self.ldb_queue_depth(csr, func, args.domain_id, args.queue_id);
                r.outcome(result)
            }
            GetDirQueueDepth::NUMBER => {
                let args: GetDirQueueDepth = r.body();
                let result = self.dir_queue_depth(csr, func, args.domain_id, args.queue_id);
                r.outcome(result)
            }
            PendingPortUnmaps::NUMBER => {
                let args: PendingPortUnmaps = r.body();
                let result = self.pending_unmaps(func, args.domain_id, args.port_id);
                r.outcome(result)
            }
            GetCosBw::NUMBER => {
                let args: GetCosBw = r.body();
                let share = self.settings.cos_bandwidth.get(args.cos_id as usize);
                success(&Number {
                    num: share.map_or(EINVAL as u32, |percent| (*percent).into()),
                })
            }
            GetSnOccupancy::NUMBER => {
                let args: GetSnOccupancy = r.body();
                match self.used(func).sn_slots.get(args.group_id as usize) {
                    Some(num) => success(&Number { num: *num }),
                    None => {
                        let error = Error::Invalid {
                            what: Param::SnGroup,
                            value: args.group_id.into(),
                        };
                        r.refuse(INVALID_DATA, error)
                    }
                }
            }
            QueryCqPollMode::NUMBER => r.outcome(Ok(self.settings.sparse_cq.into())),
            DevReset::NUMBER => {
                let result = self.reset_vf(csr, vf);
                r.code(result)
            }
            EnableCqWeight::NUMBER => {
                let args: EnableCqWeight = r.body();
                let result =
                    self.set_cq_weight(csr, func, args.domain_id, args.port_id, args.limit);
                r.done(result)
            }
            CqInflightCtrl::NUMBER => {
                let args: CqInflightCtrl = r.body();
                let threshold = Some(args.threshold.into()).filter(|_| args.enable != 0);
                let result =
                    self.set_inflight_ctrl(csr, func, args.domain_id, args.port_id, threshold);
                r.done(result)
            }
            GetXstats::NUMBER => {
                let args: GetXstats = r.body();
                let value = self.vf_xstat(csr, vf, &args);
                success(&match r.note(value) {
                    Ok(xstats_val) => Xstats {
                        xstats_val,
                        ..Xstats::default()
                    },
                    Err(error) => Xstats {
                        error_code: code_of(&error),
                        status: error.status(),
                        xstats_val: 0,
                    },
                })
            }
            _ => r.refuse(INVALID_CMD_TYPE, Error::Internal),
        }
    }

    fn register(&mut self, r: &mut Request<'_>, args: &Register, pf_id: u8) -> Answer {
        let versions = MIN_INTERFACE_VERSION..=INTERFACE_VERSION;
        let theirs = u32::from(args.min_interface_version)..=u32::from(args.max_interface_version);
        let mut answer = Registered {
            interface_version: INTERFACE_VERSION,
            ..Registered::default()
        };
        if theirs.start() > versions.end() || theirs.end() < versions.start() {
            let refused = mbox::response(VERSION_MISMATCH, &answer);
            r.error = Some(Error::NotPermitted);
            return (Registered::SIZE, refused);
        }
        let vf = r.vf;
        // A driver that went without a word may have left domains behind.
        let cleaned = self.reset_vf(r.io.csr(), vf);
        let locked = self.lock_vf(vf);
        let _ = r.note(cleaned.and(locked));
        if let Ok(entry) = self.vf_mut(vf) {
            entry.interface = args.max_interface_version;
        }
        let primary = self.vf(vf).ok().and_then(|entry| entry.primary.get());
        answer.pf_id = pf_id;
        answer.vf_id = vf;
        answer.primary_vf_id = primary.unwrap_or(0);
        answer.flags = match primary {
            Some(_) => IS_AUX_VF,
            None => 0,
        };
        success(&answer)
    }

    /// Whether a VF's driver means what is in the in-flight fields of its requests.
    fn sends_inflight(&self, vf: u8) -> bool {
        self.vf(vf)
            .is_ok_and(|entry| u32::from(entry.interface) >= INFLIGHT_FIELDS_SINCE)
    }

    /// The configured port that a VF knows under this number, in any of its domains.
    fn vf_port(&self, vf: u8, port: PortId) -> Result<(u8, Port)> {
        let owner = Owner::of(Func::Vf(vf));
        let found = match port {
            PortId::Ldb(id) => (0..num(MAX_LDB_PORTS))
                .zip(&self.ldb_ports)
                .find(|(_, p)| p.owner == owner && p.configured && u32::from(p.virt) == id)
                .map(|(p, entry)| (entry.domain, Port::Ldb(p))),
            PortId::Dir(id) => (0..num(MAX_DIR_PORTS))
                .zip(self.dir_pairs())
                .find(|(_, p)| p.owner == owner && p.port && u32::from(p.virt) == id)
                .map(|(p, entry)| (entry.domain, Port::Dir(p))),
        };
        let (what, id) = match port {
            PortId::Ldb(id) => (Object::LdbPort, id),
            PortId::Dir(id) => (Object::DirPort, id),
        };
        found
            .and_then(|(domain, port)| Some((domain.get()?, port)))
            .ok_or(Error::NotFound { what, id })
    }

    fn owned(&self, vf: u8, domain: u32, port: PortId) -> Answer {
        let domain = self.find_domain(Func::Vf(vf), domain);
        let port = self.vf_port(vf, port);
        success(&Owned {
            owned: match (domain, port) {
                (Ok(domain), Ok((owner, _))) => (domain == owner).into(),
                _ => EINVAL,
            },
        })
    }

    fn enable_interrupt(
        &mut self,
        r: &mut Request<'_>,
        port: PortId,
        args: &EnableLdbPortIntr,
    ) -> Answer {
        let vf = r.vf;
        let lends = |owner: u8| {
            self.vf(owner)
                .is_ok_and(|entry| owner == vf || entry.primary.is(vf))
        };
        let owner = match u8::try_from(args.owner_vf) {
            Ok(owner) if lends(owner) => owner,
            _ => {
                return r.refuse(
                    INVALID_OWNER_VF,
                    Error::Invalid {
                        what: Param::Vf,
                        value: args.owner_vf.into(),
                    },
                )
            }
        };
        let route = Route::Vf {
            vf: owner,
            vector: u8::try_from(args.vector).unwrap_or(u8::MAX),
        };
        let result = self.vf_port(vf, port).and_then(|(_, port)| {
            self.enable_cq_interrupt(r.io.csr(), port, args.thresh.into(), route)
        });
        r.done(result)
    }

    /// Reads a register of a queue or a port in any of the VF's domains.
    fn vf_xstat(&self, csr: &dyn Csr, vf: u8, args: &GetXstats) -> Result<u64> {
        let Some(stat) = mbox::xstat(args.xstats_type, args.xstats_id)? else {
            return Ok(0);
        };
        let func = Func::Vf(vf);
        let owner = Owner::of(func);
        let mut result = Err(Error::NotFound {
            what: Object::Domain,
            id: args.xstats_id,
        });
        let mine = self
            .domains
            .iter()
            .filter(|d| d.owner == owner && d.configured);
        for domain in mine {
            result = self.xstat(csr, func, domain.virt.into(), stat);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// The numbers of the bits that are set.
fn bits(bits: u32) -> impl Iterator<Item = u8> {
    (0..num(MAX_VFS)).filter(move |bit| bits & (1 << (bit & 15)) != 0)
}

/// Sends a message to a VF, if it has acknowledged the one before. Does not wait: says whether it
/// was sent.
///
/// # Errors
///
/// [`Error::Gone`].
pub fn send_to_vf<C: Command>(
    csr: &dyn Csr,
    version: Version,
    vf: u8,
    message: &C,
) -> Result<bool> {
    let io = Io::new(csr, version);
    if !is_acknowledged(&io, vf)? {
        return Ok(false);
    }
    for (word, value) in (0..PF_REQUEST_WORDS).zip(message.to_raw().words(C::SIZE)) {
        io.write(
            PF_PF2VF_MAILBOX::at2(vf.into(), PF_REQUEST_WORD.saturating_add(word)),
            PF_PF2VF_MAILBOX::zeroed().msg(*value),
        );
    }
    io.write(
        PF_PF2VF_MAILBOX_ISR::at(0),
        PF_PF2VF_MAILBOX_ISR::zeroed().vf_isr(1 << (vf & 15)),
    );
    Ok(true)
}

fn is_acknowledged(io: &Io<'_>, vf: u8) -> Result<bool> {
    let isr = io.read(PF_PF2VF_MAILBOX_ISR::at(vf.into()));
    io.check()?;
    Ok(isr.vf_isr() & (1 << (vf & 15)) == 0)
}

/// Whether a VF has acknowledged the last message, and answered it if it is one with an answer.
///
/// # Errors
///
/// [`Error::Gone`].
pub fn has_acknowledged(csr: &dyn Csr, version: Version, vf: u8) -> Result<bool> {
    is_acknowledged(&Io::new(csr, version), vf)
}

/// The message that the PF is about to be reset.
pub const fn pre_reset() -> Notification {
    Notification {
        notification: PRE_RESET,
    }
}

/// What a VF has answered to [`InUse`]: whether somebody uses it.
///
/// # Errors
///
/// [`Error::Mailbox`] if that is not an answer, [`Error::Gone`].
pub fn read_in_use(csr: &dyn Csr, version: Version, vf: u8) -> Result<bool> {
    let io = Io::new(csr, version);
    let words = (0..PF_REQUEST_WORDS).map(|word| {
        let word = VF_RESPONSE_WORD.saturating_add(word);
        io.read(PF_VF2PF_MAILBOX::at2(vf.into(), word)).msg()
    });
    let raw = Raw::from_words(words);
    io.check()?;
    match mbox::first_word(&raw) {
        SUCCESS => Ok(InUseAnswer::decode(&raw).in_use != 0),
        header => Err(Error::Mailbox {
            header,
            code: 0,
            status: 0,
        }),
    }
}
