// SPDX-License-Identifier: GPL-2.0

//! What can be read while elements flow: depths, counters, limits.

use super::error::Result;
use super::io::Csr;
use super::io::Io;
use super::regs::chp::*;
use super::regs::lsp::*;
use super::regs::sys::*;
use super::regs::Loc;
use super::regs::Register;
use super::resources::*;
use super::Version;

/// A register of one queue or port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Xstat {
    /// Of a load-balanced queue: elements in flight.
    LdbQueueInflights(u32),
    /// Of a load-balanced queue: limit of the elements in flight.
    LdbQueueInflightLimit(u32),
    /// Of a load-balanced queue: elements in the atomic storage.
    LdbQueueAtomicActive(u32),
    /// Of a load-balanced queue: depth threshold of atomic elements.
    LdbQueueAtomicThreshold(u32),
    /// Of a load-balanced queue: depth threshold of other elements.
    LdbQueueOtherThreshold(u32),
    /// Of a load-balanced queue: atomic elements waiting for the atomic storage.
    LdbQueueAtomicWaiting(u32),
    /// Of a load-balanced queue: other elements waiting.
    LdbQueueOtherWaiting(u32),
    /// Of a load-balanced queue: atomic elements enqueued.
    LdbQueueAtomicEnqueued(u32),
    /// Of a load-balanced queue: other elements enqueued.
    LdbQueueOtherEnqueued(u32),
    /// Of a load-balanced queue: high-water mark of other elements.
    LdbQueueOtherMaxDepth(u32),
    /// Of a load-balanced port: tokens the consumer holds.
    LdbPortDepth(u32),
    /// Of a load-balanced port: tokens outstanding.
    LdbPortTokens(u32),
    /// Of a load-balanced port: code of the ring length.
    LdbPortDepthSelect(u32),
    /// Of a load-balanced port: elements in flight.
    LdbPortInflights(u32),
    /// Of a load-balanced port: elements scheduled.
    LdbPortScheduled(u32),
    /// Of a directed port: code of the ring length.
    DirPortDepthSelect(u32),
    /// Of a directed port: tokens the consumer holds.
    DirPortDepth(u32),
    /// Of a directed port: elements scheduled.
    DirPortScheduled(u32),
    /// Of a directed queue: depth threshold.
    DirQueueThreshold(u32),
    /// Of a directed queue: elements waiting.
    DirQueueWaiting(u32),
    /// Of a directed queue: elements enqueued.
    DirQueueEnqueued(u32),
    /// Of a directed queue: high-water mark.
    DirQueueMaxDepth(u32),
}

/// Counters of the whole device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCounters {
    /// Elements scheduled to load-balanced ports.
    pub ldb_scheduled: u64,
    /// Elements scheduled to directed ports.
    pub dir_scheduled: u64,
    /// HCWs dropped because of an error.
    pub errors: u64,
    /// What the scheduler did, in cycles; only known for DLB 2.0.
    pub idle: Option<IdleCounters>,
}

/// What the device had counted when its counters were started, and cannot be told to forget.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    ldb_scheduled: u64,
    dir_scheduled: u64,
    errors: u64,
}

/// What the scheduler did, in cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IdleCounters {
    /// Nothing to schedule.
    pub no_work: u64,
    /// No room in the consumer queues.
    pub no_space: u64,
    /// Scheduled.
    pub scheduled: u64,
    /// Lost to priorities.
    pub priority_friction: u64,
    /// Held by an in-flight limit.
    pub inflight_limit: u64,
    /// Held by the limit of flows.
    pub flow_limit: u64,
}

/// Reads a counter of two words. If the upper one moves meanwhile, the lower one is read again.
fn wide<L: Register, H: Register>(io: &Io<'_>, low: Loc<L>, high: Loc<H>) -> u64 {
    let before = io.read(high).bits();
    let mut value = io.read(low).bits();
    let after = io.read(high).bits();
    if before != after {
        value = io.read(low).bits();
    }
    u64::from(after) << 32 | u64::from(value)
}

impl Pf {
    /// Elements waiting in a load-balanced queue.
    ///
    /// # Errors
    ///
    /// [`super::Error::NotFound`] or [`super::Error::Gone`].
    pub fn ldb_queue_depth(
        &self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        queue: u32,
    ) -> Result<u32> {
        let d = self.find_domain(func, domain)?;
        let q = self.find_ldb_queue(func, d, queue)?;
        self.ldb_depth(&Io::new(csr, self.version), q)
    }

    /// Elements waiting in a directed queue.
    ///
    /// # Errors
    ///
    /// [`super::Error::NotFound`] or [`super::Error::Gone`].
    pub fn dir_queue_depth(
        &self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        queue: u32,
    ) -> Result<u32> {
        let d = self.find_domain(func, domain)?;
        let q = self.find_dir_queue(func, d, queue)?;
        self.dir_depth(&Io::new(csr, self.version), q)
    }

    /// Reads a register of a queue or a port of a domain.
    ///
    /// # Errors
    ///
    /// [`super::Error::NotFound`] or [`super::Error::Gone`].
    pub fn xstat(&self, csr: &dyn Csr, func: Func, domain: u32, stat: Xstat) -> Result<u64> {
        let d = self.find_domain(func, domain)?;
        let io = Io::new(csr, self.version);
        let lq = |id| self.find_ldb_queue(func, d, id).map(u32::from);
        let lp = |id| self.find_ldb_port(func, d, id).map(u32::from);
        let dq = |id| self.find_dir_queue(func, d, id).map(u32::from);
        let dp = |id| self.find_dir_port(func, d, id).map(u32::from);
        macro_rules! one {
            ($reg:ident, $index:expr) => {
                io.read($reg::at($index)).bits().into()
            };
        }
        let value = match stat {
            Xstat::LdbQueueInflights(id) => one!(LSP_QID_LDB_INFL_CNT, lq(id)?),
            Xstat::LdbQueueInflightLimit(id) => one!(LSP_QID_LDB_INFL_LIM, lq(id)?),
            Xstat::LdbQueueAtomicActive(id) => one!(LSP_QID_AQED_ACTIVE_CNT, lq(id)?),
            Xstat::LdbQueueAtomicThreshold(id) => one!(LSP_QID_ATM_DEPTH_THRSH, lq(id)?),
            Xstat::LdbQueueOtherThreshold(id) => one!(LSP_QID_NALDB_DEPTH_THRSH, lq(id)?),
            Xstat::LdbQueueAtomicWaiting(id) => one!(LSP_QID_ATM_ACTIVE, lq(id)?),
            Xstat::LdbQueueOtherWaiting(id) => one!(LSP_QID_LDB_ENQUEUE_CNT, lq(id)?),
            Xstat::LdbQueueAtomicEnqueued(id) => {
                let q = lq(id)?;
                wide(
                    &io,
                    LSP_QID_ATM_TOT_ENQ_CNTL::at(q),
                    LSP_QID_ATM_TOT_ENQ_CNTH::at(q),
                )
            }
            Xstat::LdbQueueOtherEnqueued(id) => {
                let q = lq(id)?;
                wide(
                    &io,
                    LSP_QID_NALDB_TOT_ENQ_CNTL::at(q),
                    LSP_QID_NALDB_TOT_ENQ_CNTH::at(q),
                )
            }
            Xstat::LdbQueueOtherMaxDepth(id) => one!(LSP_QID_NALDB_MAX_DEPTH, lq(id)?),
            Xstat::LdbPortDepth(id) => one!(CHP_LDB_CQ_DEPTH, lp(id)?),
            Xstat::LdbPortTokens(id) => one!(LSP_CQ_LDB_TKN_CNT, lp(id)?),
            Xstat::LdbPortDepthSelect(id) => one!(LSP_CQ_LDB_TKN_DEPTH_SEL, lp(id)?),
            Xstat::LdbPortInflights(id) => one!(LSP_CQ_LDB_INFL_CNT, lp(id)?),
            Xstat::LdbPortScheduled(id) => {
                let p = lp(id)?;
                wide(
                    &io,
                    LSP_CQ_LDB_TOT_SCH_CNTL::at(p),
                    LSP_CQ_LDB_TOT_SCH_CNTH::at(p),
                )
            }
            Xstat::DirPortDepthSelect(id) => one!(CHP_DIR_CQ_TKN_DEPTH_SEL, dp(id)?),
            Xstat::DirPortDepth(id) => one!(CHP_DIR_CQ_DEPTH, dp(id)?),
            Xstat::DirPortScheduled(id) => {
                let p = dp(id)?;
                wide(
                    &io,
                    LSP_CQ_DIR_TOT_SCH_CNTL::at(p),
                    LSP_CQ_DIR_TOT_SCH_CNTH::at(p),
                )
            }
            Xstat::DirQueueThreshold(id) => one!(LSP_QID_DIR_DEPTH_THRSH, dq(id)?),
            Xstat::DirQueueWaiting(id) => one!(LSP_QID_DIR_ENQUEUE_CNT, dq(id)?),
            Xstat::DirQueueEnqueued(id) => {
                let q = dq(id)?;
                wide(
                    &io,
                    LSP_QID_DIR_TOT_ENQ_CNTL::at(q),
                    LSP_QID_DIR_TOT_ENQ_CNTH::at(q),
                )
            }
            Xstat::DirQueueMaxDepth(id) => one!(LSP_QID_DIR_MAX_DEPTH, dq(id)?),
        };
        io.check()?;
        Ok(value)
    }

    /// Has the counters of the device start from zero, after a reset, or after it slept: it may have
    /// kept or lost what it had counted then.
    ///
    /// # Errors
    ///
    /// [`super::Error::Gone`].
    pub fn start_counters(&mut self, csr: &dyn Csr) -> Result {
        self.counted = Counted::default();
        let now = self.device_counters(csr)?;
        self.counted = Counted {
            ldb_scheduled: now.ldb_scheduled,
            dir_scheduled: now.dir_scheduled,
            errors: now.errors,
        };
        self.start_idle_counters(csr)
    }

    /// Starts counting what the scheduler does, from zero. Nothing on DLB 2.5, where the place of
    /// the counters is not known.
    fn start_idle_counters(&self, csr: &dyn Csr) -> Result {
        if self.version != Version::V2 {
            return Ok(());
        }
        let io = Io::new(csr, self.version);
        io.write(
            LSP_LDB_SCHED_PERF_CTRL,
            LSP_LDB_SCHED_PERF_CTRL::zeroed().clr(1),
        );
        io.write(
            LSP_LDB_SCHED_PERF_CTRL,
            LSP_LDB_SCHED_PERF_CTRL::zeroed().enab(1),
        );
        io.flush()
    }

    /// Reads the counters of the whole device.
    ///
    /// # Errors
    ///
    /// [`super::Error::Gone`].
    pub fn device_counters(&self, csr: &dyn Csr) -> Result<DeviceCounters> {
        let io = Io::new(csr, self.version);
        let ingress = wide(&io, SYS_DLB_SYS_CNT_4, SYS_DLB_SYS_CNT_5);
        let chp = wide(
            &io,
            CHP_CFG_CNTR_CHP_ERR_DROP_L,
            CHP_CFG_CNTR_CHP_ERR_DROP_H,
        );
        let ldb = wide(&io, LSP_LDB_SCH_CNT_L, LSP_LDB_SCH_CNT_H);
        let dir = wide(&io, LSP_DIR_SCH_CNT_L, LSP_DIR_SCH_CNT_H);
        let errors = ingress.wrapping_add(chp);
        let counters = DeviceCounters {
            ldb_scheduled: ldb.wrapping_sub(self.counted.ldb_scheduled),
            dir_scheduled: dir.wrapping_sub(self.counted.dir_scheduled),
            errors: errors.wrapping_sub(self.counted.errors),
            idle: match self.version {
                Version::V2 => Some(idle_counters(&io)),
                Version::V25 => None,
            },
        };
        io.check()?;
        Ok(counters)
    }
}

fn idle_counters(io: &Io<'_>) -> IdleCounters {
    let friction = wide(io, LSP_LDB_SCHED_PERF_3_L, LSP_LDB_SCHED_PERF_3_H);
    let second = wide(io, LSP_LDB_SCHED_PERF_5_L, LSP_LDB_SCHED_PERF_5_H);
    IdleCounters {
        no_work: wide(io, LSP_LDB_SCHED_PERF_0_L, LSP_LDB_SCHED_PERF_0_H),
        no_space: wide(io, LSP_LDB_SCHED_PERF_1_L, LSP_LDB_SCHED_PERF_1_H),
        scheduled: wide(io, LSP_LDB_SCHED_PERF_2_L, LSP_LDB_SCHED_PERF_2_H),
        priority_friction: friction.wrapping_add(second),
        inflight_limit: wide(io, LSP_LDB_SCHED_PERF_4_L, LSP_LDB_SCHED_PERF_4_H),
        flow_limit: wide(io, LSP_LDB_SCHED_PERF_6_L, LSP_LDB_SCHED_PERF_6_H),
    }
}
