// SPDX-License-Identifier: GPL-2.0

//! RO: the reorder pipe.

use super::*;

register! {
    unit Ro in Csr;

    /// Sequence numbers per queue of both groups: 64 << mode.
    pub RO_GRP_SN_MODE(u32) @ 0x94000000 | 0x84000000 {
        /// Mode of group 0, 0..4.
        2:0 sn_mode_0;
        /// Mode of group 1, 0..4.
        10:8 sn_mode_1;
    }

    /// Offset of the oldest outstanding sequence number in a slot of group 0.
    pub RO_GRP_0_SLT_SHFT(u32)[16, stride = 0x4] @ 0x96000000 | 0x86000000 {
        /// Offset in the slot.
        9:0 change;
    }

    /// Offset of the oldest outstanding sequence number in a slot of group 1.
    pub RO_GRP_1_SLT_SHFT(u32)[16, stride = 0x4] @ 0x96010000 | 0x86010000 {
        /// Offset in the slot.
        9:0 change;
    }

    /// Switches of the reorder pipe.
    pub RO_CFG_CTRL_GENERAL_0(u32) @ 0x9c000000 | 0x8c000000 {
        /// Single-step mode.
        0:0 unit_single_step_mode;
        /// Round robin.
        1:1 rr_en;
    }

    /// Performance monitor: first counter.
    pub RO_SMON_ACTIVITYCNTR0(u32) @ 0x9c000030 | - {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub RO_SMON_ACTIVITYCNTR1(u32) @ 0x9c000034 | - {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub RO_SMON_COMPARE0(u32) @ 0x9c000038 | - {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub RO_SMON_COMPARE1(u32) @ 0x9c00003c | - {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub RO_SMON_CFG0(u32) @ 0x9c000040 | - = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
        /// Trigger of the first counter.
        1:1 smon_0trigger_enable;
        /// Function of the first counter.
        6:4 smon0_function;
        /// The first counter compares.
        7:7 smon0_function_compare;
        /// Function of the second counter.
        10:8 smon1_function;
        /// The second counter compares.
        11:11 smon1_function_compare;
        /// Mode.
        15:12 smon_mode;
        /// Stop when a counter overflows.
        16:16 stopcounterovfl;
        /// Interrupt when a counter overflows.
        17:17 intcounterovfl;
        /// The first counter overflowed.
        18:18 statcounter0ovfl;
        /// The second counter overflowed.
        19:19 statcounter1ovfl;
        /// Stop when the timer overflows.
        20:20 stoptimerovfl;
        /// Interrupt when the timer overflows.
        21:21 inttimerovfl;
        /// The timer overflowed.
        22:22 stattimerovfl;
        /// Prescaler of the timer.
        28:24 timer_prescale;
        /// Version of the monitor.
        31:30 version;
    }

    /// Performance monitor: modes.
    pub RO_SMON_CFG1(u32) @ 0x9c000044 | - {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub RO_SMON_MAX_TMR(u32) @ 0x9c000048 | - {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub RO_SMON_TMR(u32) @ 0x9c00004c | - {
        /// Timer value.
        31:0 timer;
    }

    /// Active sequence numbers of group 0. Address known for 2.0 only.
    pub RO_HEALTH_SEQNUM_STATE_GRP0(u32)[32, stride = 0x4] @ 0x9e000000 | - {
        /// Bit n: number 32 * index + n.
        31:0 sn_active;
    }

    /// Active sequence numbers of group 1. Address known for 2.0 only.
    pub RO_HEALTH_SEQNUM_STATE_GRP1(u32)[32, stride = 0x4] @ 0x9e010000 | - {
        /// Bit n: number 32 * index + n.
        31:0 sn_active;
    }

    /// State of one sequence number. Address known for 2.0 only.
    pub RO_REORDER_STATE_QID_QIDIX_CQ(u32)[2048, stride = 0x4] @ 0x9e030000 | - {
        /// CQ number.
        7:0 cq;
        /// Slot of the CQ.
        10:8 qidix;
        /// Queue.
        17:11 qid;
        /// Priority.
        20:18 qpri;
        /// User bit.
        21:21 user;
        /// State bit; the sources contradict each other about its polarity.
        23:23 vld;
    }
}
