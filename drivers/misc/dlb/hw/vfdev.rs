// SPDX-License-Identifier: GPL-2.0

//! A VF's side: the same operations as [`super::Pf`] has, as requests to the PF, and the VF's own
//! interrupt registers. The PF may be anybody's, gone, slow or lying: every wait is bounded, and
//! what it answers is checked before it is believed.

use super::domain::*;
use super::error::Error;
use super::error::Feature;
use super::error::Object;
use super::error::Result;
use super::error::Wait;
use super::hal::Limits;
use super::io::Csr;
use super::io::Io;
use super::mbox;
use super::mbox::*;
use super::regs::func::vf::*;
use super::resources::*;
use super::Port;
use super::Version;
use super::Xstat;

/// How long the PF may take to answer: looks, and the pause between them.
const ANSWER_POLLS: u32 = 10_000;
const ANSWER_POLL_US: u32 = 1000;

/// How long the PF may take to finish a reset of the VF: as long as for an answer, because it
/// empties all domains of the VF, after whatever it is busy with.
const RESET_POLLS: u32 = ANSWER_POLLS;
const RESET_POLL_US: u32 = ANSWER_POLL_US;

/// Interrupt source of a VF that is its mailbox. Those below are consumer queues.
pub const MAILBOX_SOURCE: u32 = 31;

/// What a VF's driver knows.
///
/// All bits zero is a valid value: a DLB 2.0 whose driver is not registered.
#[derive(Clone, Copy, Default)]
pub struct VfDev {
    v25: bool,
    pf_version: u32,
    registered: Registered,
}

/// A message of the PF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PfMessage {
    /// Something happened to a domain.
    Alert(DomainAlert),
    /// The PF is about to be reset.
    PreReset,
    /// The PF asks whether somebody uses the VF.
    InUse,
    /// Something this driver does not know.
    Unknown(u32),
}

/// An ID in an answer of the PF, which must be below `limit`.
fn check_id(id: u32, limit: u32) -> Result<u32> {
    match id < limit {
        true => Ok(id),
        false => Err(Error::Mailbox {
            header: SUCCESS,
            code: CODE_OK,
            status: 0,
        }),
    }
}

impl VfDev {
    /// A VF of a device of this version, not registered.
    pub const fn new(version: Version) -> Self {
        let registered = Registered {
            interface_version: 0,
            pf_id: 0,
            vf_id: 0,
            primary_vf_id: 0,
            flags: 0,
        };
        Self {
            v25: matches!(version, Version::V25),
            pf_version: 0,
            registered,
        }
    }

    /// The version of the device.
    pub const fn version(&self) -> Version {
        match self.v25 {
            true => Version::V25,
            false => Version::V2,
        }
    }

    /// What this version of the device has; the VF has a part of it.
    pub fn limits(&self) -> &'static Limits {
        self.version().limits()
    }

    /// What the PF answered to the registration.
    pub const fn registration(&self) -> &Registered {
        &self.registered
    }

    /// Whether this VF only lends its vectors to another.
    pub const fn is_auxiliary(&self) -> bool {
        self.registered.flags & IS_AUX_VF != 0
    }

    /// Sends a request and waits for the answer. One at a time.
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] if the PF's driver is too old for the request.
    /// - [`Error::Timeout`] if it does not answer; then nothing more should be asked.
    /// - [`Error::Mailbox`] if it refuses the message as such.
    /// - [`Error::Gone`].
    pub fn call<C: Command>(&self, csr: &dyn Csr, request: &C) -> Result<C::Response> {
        if C::SINCE > self.pf_version {
            return Err(Error::Unsupported(Feature::MailboxCommand));
        }
        let answer = self.exchange(
            csr,
            &request.to_raw(),
            C::SIZE,
            <C::Response as Message>::SIZE,
        )?;
        Ok(Message::decode(&answer))
    }

    /// What [`Self::call`] does for every kind of message.
    fn exchange(&self, csr: &dyn Csr, request: &Raw, size: u32, answer_size: u32) -> Result<Raw> {
        let io = Io::new(csr, self.version());
        // A doorbell that has not been answered: the memory is not ours yet.
        if self.is_ringing(&io)? {
            return Err(Error::Timeout(Wait::PfAnswer));
        }
        for (word, value) in (0..VF_REQUEST_WORDS).zip(request.words(size)) {
            io.write(
                VF_VF2PF_MAILBOX::at(VF_REQUEST_WORD.saturating_add(word)),
                VF_VF2PF_MAILBOX::zeroed().msg(*value),
            );
        }
        io.write(VF_VF2PF_MAILBOX_ISR, VF_VF2PF_MAILBOX_ISR::zeroed().isr(1));
        // The pause comes first: a VF that asks more often than the PF can stand is cut off.
        let mut left = ANSWER_POLLS;
        csr.delay_us(ANSWER_POLL_US);
        while self.is_ringing(&io)? {
            left = left.checked_sub(1).ok_or(Error::Timeout(Wait::PfAnswer))?;
            csr.delay_us(ANSWER_POLL_US);
        }
        let words = answer_size.div_ceil(4);
        let raw = Raw::from_words((0..words).map(|word| io.read(VF_PF2VF_MAILBOX::at(word)).msg()));
        match mbox::first_word(&raw) {
            SUCCESS => Ok(raw),
            u32::MAX => Err(Error::Gone),
            header => Err(Error::Mailbox {
                header,
                code: 0,
                status: 0,
            }),
        }
    }

    fn is_ringing(&self, io: &Io<'_>) -> Result<bool> {
        let isr = io.read(VF_VF2PF_MAILBOX_ISR);
        match super::regs::Register::bits(isr) {
            u32::MAX => Err(Error::Gone),
            _ => Ok(isr.isr() == 1),
        }
    }

    /// A request whose answer is an [`Outcome`].
    fn ask<C: Command<Response = Outcome>>(&self, csr: &dyn Csr, request: &C) -> Result<u32> {
        let answer = self.call(csr, request)?;
        match answer.error_code {
            CODE_OK => Ok(answer.value),
            code => Err(Error::Mailbox {
                header: SUCCESS,
                code,
                status: answer.status,
            }),
        }
    }

    fn tell<C: Command<Response = Outcome>>(&self, csr: &dyn Csr, request: &C) -> Result {
        self.ask(csr, request).map(|_| ())
    }

    fn code<C: Command<Response = Code>>(&self, csr: &dyn Csr, request: &C) -> Result {
        match self.call(csr, request)?.error_code {
            CODE_OK => Ok(()),
            code => Err(Error::Mailbox {
                header: SUCCESS,
                code,
                status: 0,
            }),
        }
    }

    /// Tells the PF that this driver is there.
    ///
    /// # Errors
    ///
    /// [`Error::Mailbox`] if the versions do not match, [`Error::Timeout`], [`Error::Gone`].
    pub fn register(&mut self, csr: &dyn Csr) -> Result {
        self.pf_version = 0;
        // A message to whoever was here before would keep the PF from sending another one.
        self.clear_interrupts(csr);
        self.acknowledge(csr);
        self.registered = self.call(
            csr,
            &Register {
                min_interface_version: MIN_INTERFACE_VERSION as u16,
                max_interface_version: INTERFACE_VERSION as u16,
            },
        )?;
        if self.registered.interface_version < MIN_INTERFACE_VERSION {
            return Err(Error::Mailbox {
                header: VERSION_MISMATCH,
                code: CODE_OK,
                status: 0,
            });
        }
        self.pf_version = self.registered.interface_version;
        Ok(())
    }

    /// Tells the PF that this driver is going.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] or [`Error::Gone`]; it is not registered in any case.
    pub fn unregister(&mut self, csr: &dyn Csr) -> Result {
        let result = self.call(csr, &Unregister {});
        self.pf_version = 0;
        result.map(|_| ())
    }

    fn resources<C: Command<Response = Numbers>>(
        &self,
        csr: &dyn Csr,
        request: &C,
    ) -> Result<Resources> {
        let n = self.call(csr, request)?;
        match n.error_code {
            CODE_OK => Ok(Resources {
                domains: n.num_sched_domains.into(),
                ldb_queues: n.num_ldb_queues.into(),
                cos_ldb_ports: n.num_cos_ldb_ports.map(u32::from),
                dir_ports: n.num_dir_ports.into(),
                ldb_credits: n.num_ldb_credits.into(),
                dir_credits: n.num_dir_credits.into(),
                atomic_inflights: n.num_atomic_inflights,
                hist_list_entries: n.num_hist_list_entries,
                max_ctg_hl_entries: n.max_contiguous_hist_list_entries,
                sn_slots: n.num_sn_slots.map(u32::from),
            }),
            code => Err(Error::Mailbox {
                header: SUCCESS,
                code,
                status: 0,
            }),
        }
    }

    /// What no domain has.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub fn available(&self, csr: &dyn Csr) -> Result<Resources> {
        self.resources(csr, &GetNumResources {})
    }

    /// What domains have.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub fn used(&self, csr: &dyn Csr) -> Result<Resources> {
        self.resources(csr, &GetNumUsedResources {})
    }

    /// What there is, in domains or not.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub fn total(&self, csr: &dyn Csr) -> Result<Resources> {
        let mut sum = self.available(csr)?;
        let used = self.used(csr)?;
        for (sum, used) in [
            (&mut sum.domains, used.domains),
            (&mut sum.ldb_queues, used.ldb_queues),
            (&mut sum.dir_ports, used.dir_ports),
            (&mut sum.ldb_credits, used.ldb_credits),
            (&mut sum.dir_credits, used.dir_credits),
            (&mut sum.atomic_inflights, used.atomic_inflights),
            (&mut sum.hist_list_entries, used.hist_list_entries),
        ] {
            *sum = sum.saturating_add(used);
        }
        for (sum, used) in sum.cos_ldb_ports.iter_mut().zip(used.cos_ldb_ports) {
            *sum = sum.saturating_add(used);
        }
        for (sum, used) in sum.sn_slots.iter_mut().zip(used.sn_slots) {
            *sum = sum.saturating_add(used);
        }
        // A share of the history list is in one piece.
        sum.max_ctg_hl_entries = sum.hist_list_entries;
        Ok(sum)
    }

    /// See [`super::Pf::create_domain`].
    ///
    /// # Errors
    ///
    /// As [`Self::call`], and [`Error::Mailbox`] if the PF refuses.
    pub fn create_domain(&self, csr: &dyn Csr, args: &DomainArgs) -> Result<u32> {
        let asked = self.ask(
            csr,
            &CreateSchedDomain {
                num_ldb_queues: args.ldb_queues,
                num_ldb_ports: args.ldb_ports,
                num_cos_ldb_ports: args.cos_ldb_ports,
                num_dir_ports: args.dir_ports,
                num_atomic_inflights: args.atomic_inflights,
                num_hist_list_entries: args.hist_list_entries,
                num_ldb_credits: args.ldb_credits,
                num_dir_credits: args.dir_credits,
                cos_strict: args.cos_strict.into(),
                num_sn_slots: args.sn_slots,
            },
        );
        if let Err(Error::Mailbox {
            header: SUCCESS, ..
        }) = asked
        {
            // The answer does not say how much there is.
            let mut args = *args;
            if self.limits().combined_credits {
                args.combine_credits();
            }
            args.check(&self.available(csr)?)?;
        }
        check_id(asked?, MAX_DOMAINS as u32)
    }

    /// See [`super::Pf::create_ldb_queue`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn create_ldb_queue(&self, csr: &dyn Csr, domain: u32, args: &LdbQueueArgs) -> Result<u32> {
        let id = self.ask(
            csr,
            &CreateLdbQueue {
                domain_id: domain,
                num_sequence_numbers: args.sequence_numbers,
                num_qid_inflights: args.qid_inflights,
                num_atomic_inflights: args.atomic_inflights,
                lock_id_comp_level: args.lock_id_comp_level,
                depth_threshold: args.depth_threshold,
            },
        )?;
        check_id(id, MAX_LDB_QUEUES as u32)
    }

    /// See [`super::Pf::create_dir_queue`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn create_dir_queue(&self, csr: &dyn Csr, domain: u32, args: &DirQueueArgs) -> Result<u32> {
        let id = self.ask(
            csr,
            &CreateDirQueue {
                domain_id: domain,
                port_id: args.port.unwrap_or(NO_ID),
                depth_threshold: args.depth_threshold,
            },
        )?;
        check_id(id, self.limits().dir_ports)
    }

    /// See [`super::Pf::create_ldb_port`]. The PF creates it enabled; it is disabled again if that
    /// is not wanted.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn create_ldb_port(&self, csr: &dyn Csr, domain: u32, args: &LdbPortArgs) -> Result<u32> {
        if args.inflight_threshold.is_some() && self.pf_version < INFLIGHT_FIELDS_SINCE {
            return Err(Error::Unsupported(Feature::MailboxCommand));
        }
        let id = self.ask(
            csr,
            &CreateLdbPort {
                domain_id: domain,
                // Too large a number must not turn into a small one.
                cq_depth: u16::try_from(args.cq_depth).unwrap_or(u16::MAX),
                cq_history_list_size: u16::try_from(args.hist_list_size).unwrap_or(u16::MAX),
                cos_id: args
                    .cos
                    .map_or(0, |cos| u8::try_from(cos).unwrap_or(u8::MAX)),
                cos_strict: args.cos_strict.into(),
                inflight_threshold: u16::try_from(args.inflight_threshold.unwrap_or(0))
                    .unwrap_or(u16::MAX),
                cq_base_address: args.cq_base,
                enable_inflight_ctrl: args.inflight_threshold.is_some().into(),
            },
        )?;
        let id = check_id(id, MAX_LDB_PORTS as u32)?;
        if !args.enabled {
            self.set_port_enabled(csr, domain, PortId::Ldb(id), false)?;
        }
        Ok(id)
    }

    /// See [`super::Pf::create_dir_port`]. The PF creates it enabled; it is disabled again if that
    /// is not wanted.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn create_dir_port(&self, csr: &dyn Csr, domain: u32, args: &DirPortArgs) -> Result<u32> {
        let id = self.ask(
            csr,
            &CreateDirPort {
                domain_id: domain,
                cq_base_address: args.cq_base,
                cq_depth: u16::try_from(args.cq_depth).unwrap_or(u16::MAX),
                queue_id: args.queue.unwrap_or(NO_ID) as i32,
            },
        )?;
        let id = check_id(id, self.limits().dir_ports)?;
        if !args.enabled {
            self.set_port_enabled(csr, domain, PortId::Dir(id), false)?;
        }
        Ok(id)
    }

    /// See [`super::Pf::set_port_enabled`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn set_port_enabled(
        &self,
        csr: &dyn Csr,
        domain_id: u32,
        port: PortId,
        enabled: bool,
    ) -> Result {
        match (port, enabled) {
            (PortId::Ldb(port_id), true) => self.tell(csr, &EnableLdbPort { domain_id, port_id }),
            (PortId::Ldb(port_id), false) => self.tell(csr, &DisableLdbPort { domain_id, port_id }),
            (PortId::Dir(port_id), true) => self.tell(csr, &EnableDirPort { domain_id, port_id }),
            (PortId::Dir(port_id), false) => self.tell(csr, &DisableDirPort { domain_id, port_id }),
        }
    }

    /// See [`super::Pf::map_queue`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn map_queue(
        &self,
        csr: &dyn Csr,
        domain_id: u32,
        port_id: u32,
        qid: u32,
        priority: u32,
    ) -> Result {
        self.tell(
            csr,
            &MapQid {
                domain_id,
                port_id,
                qid,
                priority,
            },
        )
    }

    /// See [`super::Pf::unmap_queue`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn unmap_queue(&self, csr: &dyn Csr, domain_id: u32, port_id: u32, qid: u32) -> Result {
        self.tell(
            csr,
            &UnmapQid {
                domain_id,
                port_id,
                qid,
            },
        )
    }

    /// See [`super::Pf::pending_unmaps`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn pending_unmaps(&self, csr: &dyn Csr, domain_id: u32, port_id: u32) -> Result<u32> {
        self.ask(csr, &PendingPortUnmaps { domain_id, port_id })
    }

    /// See [`super::Pf::start_domain`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn start_domain(&self, csr: &dyn Csr, domain_id: u32) -> Result {
        self.tell(csr, &StartDomain { domain_id })
    }

    /// See [`super::Pf::stop_domain`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn stop_domain(&self, csr: &dyn Csr, domain_id: u32) -> Result {
        self.tell(csr, &StopDomain { domain_id })
    }

    /// See [`super::Pf::reset_domain`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn reset_domain(&self, csr: &dyn Csr, domain: u32) -> Result {
        self.code(csr, &ResetSchedDomain { id: domain })
    }

    /// Resets all domains of this VF.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn reset(&self, csr: &dyn Csr) -> Result {
        self.code(csr, &DevReset {})
    }

    /// See [`super::Pf::enable_cq_interrupt`]. The vector is one of this VF's, or of one that lends
    /// it its vectors.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn enable_cq_interrupt(
        &self,
        csr: &dyn Csr,
        port: PortId,
        threshold: u32,
        vector: u8,
        owner_vf: u8,
    ) -> Result {
        let thresh = u16::try_from(threshold).unwrap_or(u16::MAX);
        let (vector, owner_vf) = (vector.into(), owner_vf.into());
        match port {
            PortId::Ldb(id) => self.tell(
                csr,
                &EnableLdbPortIntr {
                    port_id: u16::try_from(id).unwrap_or(u16::MAX),
                    thresh,
                    vector,
                    owner_vf,
                },
            ),
            PortId::Dir(id) => self.tell(
                csr,
                &EnableDirPortIntr {
                    port_id: u16::try_from(id).unwrap_or(u16::MAX),
                    thresh,
                    vector,
                    owner_vf,
                },
            ),
        }
    }

    /// See [`super::Pf::arm_cq_interrupt`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn arm_cq_interrupt(&self, csr: &dyn Csr, domain_id: u32, port: PortId) -> Result {
        let (port_id, is_ldb) = match port {
            PortId::Ldb(id) => (id, 1),
            PortId::Dir(id) => (id, 0),
        };
        self.tell(
            csr,
            &ArmCqIntr {
                domain_id,
                port_id,
                is_ldb,
            },
        )
    }

    /// See [`super::Pf::ldb_queue_depth`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn ldb_queue_depth(&self, csr: &dyn Csr, domain_id: u32, queue_id: u32) -> Result<u32> {
        self.ask(
            csr,
            &GetLdbQueueDepth {
                domain_id,
                queue_id,
            },
        )
    }

    /// See [`super::Pf::dir_queue_depth`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn dir_queue_depth(&self, csr: &dyn Csr, domain_id: u32, queue_id: u32) -> Result<u32> {
        self.ask(
            csr,
            &GetDirQueueDepth {
                domain_id,
                queue_id,
            },
        )
    }

    /// See [`super::Pf::set_cq_weight`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn set_cq_weight(&self, csr: &dyn Csr, domain_id: u32, port_id: u32, limit: u32) -> Result {
        self.tell(
            csr,
            &EnableCqWeight {
                domain_id,
                port_id,
                limit,
            },
        )
    }

    /// See [`super::Pf::set_inflight_ctrl`].
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn set_inflight_ctrl(
        &self,
        csr: &dyn Csr,
        domain_id: u32,
        port_id: u32,
        threshold: Option<u32>,
    ) -> Result {
        self.tell(
            csr,
            &CqInflightCtrl {
                domain_id,
                port_id,
                enable: threshold.is_some().into(),
                threshold: u16::try_from(threshold.unwrap_or(0)).unwrap_or(u16::MAX),
            },
        )
    }

    /// Whether consumer queues have one entry per 64-byte line.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn is_sparse(&self, csr: &dyn Csr) -> Result<bool> {
        Ok(self.ask(csr, &QueryCqPollMode {})? == 1)
    }

    /// Sequence numbers of each queue of a group.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn sequence_numbers(&self, csr: &dyn Csr, group_id: u32) -> Result<u32> {
        let answer = self.call(csr, &GetSnAllocation { group_id })?;
        self.number(answer, SNS_PER_GROUP)
    }

    /// Share of a class of service, in percent.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn cos_bandwidth(&self, csr: &dyn Csr, cos_id: u32) -> Result<u32> {
        let answer = self.call(csr, &GetCosBw { cos_id })?;
        self.number(answer, 100)
    }

    /// A number in an answer, which may be a negative errno, or nonsense.
    fn number(&self, answer: Number, most: u32) -> Result<u32> {
        match answer.num {
            num if num <= most => Ok(num),
            _ => Err(Error::Mailbox {
                header: SUCCESS,
                code: CODE_EINVAL,
                status: 0,
            }),
        }
    }

    /// Reads a register of a queue or a port. [`None`] if there is no request for this one.
    ///
    /// # Errors
    ///
    /// As [`Self::create_domain`].
    pub fn xstat(&self, csr: &dyn Csr, stat: Xstat) -> Result<Option<u64>> {
        let (xstats_type, xstats_id) = match stat {
            Xstat::LdbQueueInflights(id) => (0x1_0000, id),
            Xstat::LdbQueueInflightLimit(id) => (0x1_0001, id),
            Xstat::LdbQueueAtomicActive(id) => (0x1_0002, id),
            Xstat::LdbQueueAtomicThreshold(id) => (0x1_0003, id),
            Xstat::LdbQueueOtherThreshold(id) => (0x1_0004, id),
            Xstat::LdbQueueOtherWaiting(id) => (0x1_0006, id),
            Xstat::LdbPortDepth(id) => (0x2_0000, id),
            Xstat::LdbPortTokens(id) => (0x2_0001, id),
            Xstat::LdbPortDepthSelect(id) => (0x2_0002, id),
            Xstat::LdbPortInflights(id) => (0x2_0003, id),
            Xstat::DirPortDepthSelect(id) => (0x3_0000, id),
            Xstat::DirPortDepth(id) => (0x3_0001, id),
            Xstat::DirQueueThreshold(id) => (0x3_0002, id),
            Xstat::DirQueueWaiting(id) => (0x3_0003, id),
            _ => return Ok(None),
        };
        let request = GetXstats {
            xstats_type,
            xstats_id,
        };
        let answer = self.call(csr, &request)?;
        match answer.error_code {
            CODE_OK => Ok(Some(answer.xstats_val)),
            code => Err(Error::Mailbox {
                header: SUCCESS,
                code,
                status: answer.status,
            }),
        }
    }

    /// The port of the BAR that has this number.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no device has as many.
    pub fn port(&self, port: PortId) -> Result<Port> {
        let (what, id, limit) = match port {
            PortId::Ldb(id) => (Object::LdbPort, id, MAX_LDB_PORTS as u32),
            PortId::Dir(id) => (Object::DirPort, id, self.limits().dir_ports),
        };
        match (port, u8::try_from(id)) {
            (PortId::Ldb(_), Ok(small)) if id < limit => Ok(Port::Ldb(small)),
            (PortId::Dir(_), Ok(small)) if id < limit => Ok(Port::Dir(small)),
            _ => Err(Error::NotFound { what, id }),
        }
    }

    /// Forgets interrupts from before: none is lost on its way, because each has its message sent
    /// again when it is served.
    pub fn clear_interrupts(&self, csr: &dyn Csr) {
        let io = Io::new(csr, self.version());
        io.write(VF_VF_MSI_ISR, VF_VF_MSI_ISR::zeroed().vf_msi_isr(u32::MAX));
        io.write(
            VF_VF_MSI_ISR_PEND,
            VF_VF_MSI_ISR_PEND::zeroed().isr_pend(u32::MAX),
        );
    }

    /// Waits until the PF has finished a reset of this VF.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] or [`Error::Gone`].
    pub fn wait_reset(&self, csr: &dyn Csr) -> Result {
        let io = Io::new(csr, self.version());
        let mut gone = false;
        for _ in 0..RESET_POLLS {
            let status = io.read(VF_VF_RESET_IN_PROGRESS);
            // The BAR reads as all ones until the PF has let the VF back.
            gone = super::regs::Register::bits(status) == u32::MAX;
            if status.reset_in_progress() == 0 {
                return Ok(());
            }
            csr.delay_us(RESET_POLL_US);
        }
        Err(match gone {
            true => Error::Gone,
            false => Error::Timeout(Wait::PfAnswer),
        })
    }

    /// Serves one MSI message out of `messages`, a power of two: takes the interrupt sources that
    /// arrive on it. Afterwards [`Self::interrupt_done`] lets the next one through.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn take_interrupts(&self, csr: &dyn Csr, message: u32, messages: u32) -> Result<u32> {
        let io = Io::new(csr, self.version());
        let isr = io.read(VF_VF_MSI_ISR).vf_msi_isr();
        if isr == u32::MAX && io.read(VF_VF2PF_MAILBOX_ISR).isr() == 1 {
            // All sources at once is possible, but not with a doorbell that reads as all ones.
            self.is_ringing(&io)?;
        }
        let mut mine = 0u32;
        for source in 0..32u32 {
            if source & messages.wrapping_sub(1) == message {
                mine |= 1 << source;
            }
        }
        let taken = isr & mine;
        if taken != 0 {
            io.write(VF_VF_MSI_ISR, VF_VF_MSI_ISR::zeroed().vf_msi_isr(taken));
        }
        Ok(taken)
    }

    /// Lets the next interrupt on this message through.
    pub fn interrupt_done(&self, csr: &dyn Csr, message: u32) {
        let io = Io::new(csr, self.version());
        io.write(
            VF_VF_MSI_ISR_PEND,
            VF_VF_MSI_ISR_PEND::zeroed().isr_pend(1 << (message & 31)),
        );
    }

    /// Whether there is a message of the PF that has not been acknowledged. An interrupt can be about
    /// one that has been: it came twice, or somebody else was faster.
    ///
    /// `readable` is for this function to remember that the doorbell can be looked at: drivers have
    /// only ever written to it, so where it reads as zero from the start each interrupt is believed.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn is_message_waiting(&self, csr: &dyn Csr, readable: &mut bool) -> Result<bool> {
        let io = Io::new(csr, self.version());
        let isr = io.read(VF_PF2VF_MAILBOX_ISR);
        if super::regs::Register::bits(isr) == u32::MAX {
            return Err(Error::Gone);
        }
        let rings = isr.pf_isr() == 1;
        *readable |= rings;
        Ok(rings || !*readable)
    }

    /// Reads the message of the PF.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn read_message(&self, csr: &dyn Csr) -> Result<PfMessage> {
        let io = Io::new(csr, self.version());
        let words = (0..PF_REQUEST_WORDS).map(|word| {
            io.read(VF_PF2VF_MAILBOX::at(PF_REQUEST_WORD.saturating_add(word)))
                .msg()
        });
        let raw = Raw::from_words(words);
        Ok(match mbox::first_word(&raw) {
            u32::MAX => return Err(Error::Gone),
            DomainAlert::NUMBER => PfMessage::Alert(DomainAlert::decode(&raw)),
            Notification::NUMBER => match Notification::decode(&raw).notification {
                PRE_RESET => PfMessage::PreReset,
                other => PfMessage::Unknown(other),
            },
            InUse::NUMBER => PfMessage::InUse,
            other => PfMessage::Unknown(other),
        })
    }

    /// Answers [`PfMessage::InUse`]. To be followed by [`Self::acknowledge`].
    pub fn answer_in_use(&self, csr: &dyn Csr, in_use: bool) {
        let io = Io::new(csr, self.version());
        let answer = InUseAnswer {
            in_use: in_use.into(),
        };
        let raw = mbox::response(SUCCESS, &answer);
        for (word, value) in (0..PF_REQUEST_WORDS).zip(raw.words(InUseAnswer::SIZE)) {
            io.write(
                VF_VF2PF_MAILBOX::at(VF_RESPONSE_WORD.saturating_add(word)),
                VF_VF2PF_MAILBOX::zeroed().msg(*value),
            );
        }
    }

    /// Acknowledges a message of the PF. Before anything is done about it that needs the PF.
    pub fn acknowledge(&self, csr: &dyn Csr) {
        let io = Io::new(csr, self.version());
        io.write(
            VF_PF2VF_MAILBOX_ISR,
            VF_PF2VF_MAILBOX_ISR::zeroed().pf_isr(1),
        );
    }
}
