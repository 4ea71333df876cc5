// SPDX-License-Identifier: GPL-2.0

//! SYS: system, ingress and egress.

use super::*;

register! {
    unit Sys in Csr;

    /// Credits the device has, for both kinds of queue.
    pub SYS_TOTAL_CREDITS(u32) @ - | 0x10000100 = 0x4000 {
        /// Number of credits.
        31:0 total_credits;
    }

    /// Load-balanced credits the device has.
    pub SYS_TOTAL_LDB_CRDS(u32) @ 0x10000104 | - = 0x2000 {
        /// Number of credits.
        31:0 total_ldb_credits;
    }

    /// Directed credits the device has.
    pub SYS_TOTAL_DIR_CRDS(u32) @ 0x10000108 | - = 0x1000 {
        /// Number of credits.
        31:0 total_dir_credits;
    }

    /// Number of scheduling domains. Also the register read back to flush posted writes.
    pub SYS_TOTAL_VAS(u32) @ 0x1000011c | 0x10000114 = 0x20 {
        /// Number of domains, 32.
        31:0 total_vas;
    }

    /// Ingress errors that raise an alarm. With a bit clear the HCW is dropped silently.
    pub SYS_INGRESS_ALARM_ENBL(u32) @ 0x10000300 {
        /// A command that does not exist or is not allowed on the port.
        0:0 illegal_hcw;
        /// A producer port that does not exist.
        1:1 illegal_pp;
        /// A wrong PASID.
        2:2 illegal_pasid;
        /// A queue that does not exist.
        3:3 illegal_qid;
        /// A queue the domain may not use.
        4:4 disabled_qid;
        /// A scheduling type the queue was not set up for.
        5:5 illegal_ldb_qid_cfg;
    }

    /// Outstanding MSI-X vectors 0 and 1; write 1 to acknowledge, then the next message can be
    /// sent.
    pub SYS_MSIX_ACK(u32) @ 0x10000400 {
        /// Vector 0: alarms, watchdog, mailbox.
        0:0 msix_0_ack;
        /// Vector 1: CQs.
        1:1 msix_1_ack;
    }

    /// Held around the acknowledgement of vector 1, see `irq.rs`.
    pub SYS_MSIX_PASSTHRU(u32) @ 0x10000404 {
        /// Vector 0.
        0:0 msix_0_passthru;
        /// Vector 1.
        1:1 msix_1_passthru;
    }

    /// How CQ interrupts map to MSI-X vectors. Always written whole.
    pub SYS_MSIX_MODE(u32) @ 0x10000408 {
        /// 0 = packed: one vector per CQ; 1 = compressed: all CQs share vector 1.
        0:0 mode;
        /// Polling mode.
        1:1 | - poll_mode;
        /// Polling of the IMS table.
        - | 1:1 ims_polling;
        /// Mask of the polling mode.
        2:2 | - poll_mask;
        /// Lock of the polling mode.
        3:3 | - poll_lock;
    }

    /// DIR CQs 0..31 that raised the shared vector; write 1 to clear.
    pub SYS_DIR_CQ_31_0_OCC_INT_STS(u32) @ 0x10000440 {
        /// Bit n: the n-th CQ of the group.
        31:0 cq_occ_int;
    }

    /// DIR CQs 32..63 that raised the shared vector; write 1 to clear.
    pub SYS_DIR_CQ_63_32_OCC_INT_STS(u32) @ 0x10000444 {
        /// Bit n: the n-th CQ of the group.
        31:0 cq_occ_int;
    }

    /// DIR CQs 64..95 that raised the shared vector; write 1 to clear.
    pub SYS_DIR_CQ_95_64_OCC_INT_STS(u32) @ - | 0x10000448 {
        /// Bit n: the n-th CQ of the group.
        31:0 cq_occ_int;
    }

    /// LDB CQs 0..31 that raised the shared vector; write 1 to clear.
    pub SYS_LDB_CQ_31_0_OCC_INT_STS(u32) @ 0x10000460 {
        /// Bit n: the n-th CQ of the group.
        31:0 cq_occ_int;
    }

    /// LDB CQs 32..63 that raised the shared vector; write 1 to clear.
    pub SYS_LDB_CQ_63_32_OCC_INT_STS(u32) @ 0x10000464 {
        /// Bit n: the n-th CQ of the group.
        31:0 cq_occ_int;
    }

    /// Clears the write-buffer optimisation state of one DIR CQ. On 2.5: `SYS_WB_DIR_CQ_STATE`.
    pub SYS_DIR_CQ_OPT_CLR(u32) @ 0x100004c0 | - {
        /// CQ number.
        5:0 cq;
    }

    /// Ingress error of a PF port: what and where. Write 1 to `valid` and `more` to clear.
    pub SYS_ALARM_PF_SYND0(u32) @ 0x10000500 {
        /// Port in bits 6:0; bit 7 = load-balanced, when the source is not SYS.
        7:0 syndrome;
        /// Kind of the resource.
        9:8 rtype;
        /// Load-balanced port, when the source is SYS.
        13:13 is_ldb;
        /// Class of the alarm.
        15:14 cls;
        /// What happened, see `irq.rs`.
        21:16 aid;
        /// Unit that noticed it; 4 is CHP.
        25:22 unit;
        /// 0 = SYS, 1 = the core.
        29:26 source;
        /// Further alarms were lost.
        30:30 more;
        /// The registers hold an alarm.
        31:31 valid;
    }

    /// Ingress error of a PF port: second word, part of the offending HCW.
    pub SYS_ALARM_PF_SYND1(u32) @ 0x10000504 {
        /// Opaque field of the HCW.
        15:0 dsi;
        /// Queue.
        23:16 qid;
        /// Scheduling type: 0 atomic, 1 unordered, 2 ordered, 3 directed.
        25:24 qtype;
        /// Priority.
        28:26 qpri;
        /// Message type of the HCW.
        31:29 msg_type;
    }

    /// Ingress error of a PF port: third word, the rest of the offending HCW.
    pub SYS_ALARM_PF_SYND2(u32) @ 0x10000508 {
        /// Lock ID of the HCW.
        15:0 lock_id;
        /// Latency-measurement flag of the HCW.
        16:16 meas;
        /// Debug bits.
        23:17 debug;
        /// The HCW returned a token.
        24:24 cq_pop;
        /// The HCW completed an element.
        25:25 qe_uhl;
        /// The HCW was a fragment.
        26:26 qe_orsp;
        /// The HCW carried an element.
        27:27 qe_valid;
        /// Arm bit of the HCW.
        28:28 cq_int_rearm;
        /// Error bit of the HCW.
        29:29 dsi_error;
    }

    /// Causes of vector 0 and the hardware alarm. Write 1 to `valid` and `more` to clear.
    pub SYS_ALARM_HW_SYND(u32) @ 0x1000050c {
        /// Port in bits 6:0; bit 7 = load-balanced, when the source is not SYS.
        7:0 syndrome;
        /// Kind of the resource.
        9:8 rtype;
        /// A hardware alarm.
        10:10 alarm;
        /// A CQ watchdog fired.
        11:11 cwd;
        /// A VF rang its doorbell or was reset.
        12:12 vf_pf_mb;
        /// Class of the alarm.
        15:14 cls;
        /// What happened, see `irq.rs`.
        21:16 aid;
        /// Unit that noticed it; 4 is CHP.
        25:22 unit;
        /// 0 = SYS, 1 = the core.
        29:26 source;
        /// Further alarms were lost.
        30:30 more;
        /// The registers hold an alarm.
        31:31 valid;
    }

    /// A VF's virtual LDB producer port exists. Index: VF * 64 + virtual port.
    pub SYS_VF_LDB_VPP_V(u32)[1024, stride = 0x1000] @ 0x10000f00 {
        /// 1 = valid.
        0:0 vpp_v;
    }

    /// Physical port behind a VF's virtual LDB producer port. Index: VF * 64 + virtual port.
    pub SYS_VF_LDB_VPP2PP(u32)[1024, stride = 0x1000] @ 0x10000f04 {
        /// Physical producer port.
        5:0 pp;
    }

    /// A VF's virtual DIR producer port exists. Index: VF * DIR ports + virtual port.
    pub SYS_VF_DIR_VPP_V(u32)[1024 | 1536, stride = 0x1000] @ 0x10000f08 {
        /// 1 = valid.
        0:0 vpp_v;
    }

    /// Physical port behind a VF's virtual DIR producer port. Index: VF * DIR ports + virtual
    /// port.
    pub SYS_VF_DIR_VPP2PP(u32)[1024 | 1536, stride = 0x1000] @ 0x10000f0c {
        /// Physical producer port.
        5:0 | 6:0 pp;
    }

    /// A VF's virtual LDB queue exists. Index: VF * 32 + virtual queue.
    pub SYS_VF_LDB_VQID_V(u32)[512, stride = 0x1000] @ 0x10000f10 {
        /// 1 = valid.
        0:0 vqid_v;
    }

    /// Physical queue behind a VF's virtual LDB queue. Index: VF * 32 + virtual queue.
    pub SYS_VF_LDB_VQID2QID(u32)[512, stride = 0x1000] @ 0x10000f14 {
        /// Queue.
        4:0 qid;
    }

    /// Virtual number of a VF's LDB queue, as reported in its CQ entries.
    pub SYS_LDB_QID2VQID(u32)[32, stride = 0x1000] @ 0x10000f18 {
        /// Virtual queue.
        4:0 vqid;
    }

    /// A VF's virtual DIR queue exists. Index: VF * DIR queues + virtual queue.
    pub SYS_VF_DIR_VQID_V(u32)[1024 | 1536, stride = 0x1000] @ 0x10000f1c {
        /// 1 = valid.
        0:0 vqid_v;
    }

    /// Physical queue behind a VF's virtual DIR queue. Index: VF * DIR queues + virtual queue.
    pub SYS_VF_DIR_VQID2QID(u32)[1024 | 1536, stride = 0x1000] @ 0x10000f20 {
        /// Queue.
        5:0 | 6:0 qid;
    }

    /// A domain may enqueue to an LDB queue. Index: domain * 32 + queue.
    pub SYS_LDB_VASQID_V(u32)[1024, stride = 0x1000] @ 0x10000f24 {
        /// 1 = allowed.
        0:0 vasqid_v;
    }

    /// A domain may enqueue to a DIR queue. Index: domain * DIR queues + queue.
    pub SYS_DIR_VASQID_V(u32)[2048 | 3072, stride = 0x1000] @ 0x10000f28 {
        /// 1 = allowed.
        0:0 vasqid_v;
    }

    /// Ingress error of a VF port: what and where. Write 1 to `valid` and `more` to clear.
    pub SYS_ALARM_VF_SYND0(u32)[16, stride = 0x1000] @ 0x10000f40 {
        /// Port in bits 6:0; bit 7 = load-balanced, when the source is not SYS.
        7:0 syndrome;
        /// Kind of the resource.
        9:8 rtype;
        /// Parity of the first word.
        10:10 vf_synd0_parity;
        /// Parity of the second word.
        11:11 vf_synd1_parity;
        /// Parity of the third word.
        12:12 vf_synd2_parity;
        /// Load-balanced port, when the source is SYS.
        13:13 is_ldb;
        /// Class of the alarm.
        15:14 cls;
        /// What happened, see `irq.rs`.
        21:16 aid;
        /// Unit that noticed it; 4 is CHP.
        25:22 unit;
        /// 0 = SYS, 1 = the core.
        29:26 source;
        /// Further alarms were lost.
        30:30 more;
        /// The registers hold an alarm.
        31:31 valid;
    }

    /// Ingress error of a VF port: second word, part of the offending HCW.
    pub SYS_ALARM_VF_SYND1(u32)[16, stride = 0x1000] @ 0x10000f44 {
        /// Opaque field of the HCW.
        15:0 dsi;
        /// Queue.
        23:16 qid;
        /// Scheduling type: 0 atomic, 1 unordered, 2 ordered, 3 directed.
        25:24 qtype;
        /// Priority.
        28:26 qpri;
        /// Message type of the HCW.
        31:29 msg_type;
    }

    /// Ingress error of a VF port: third word, the rest of the offending HCW.
    pub SYS_ALARM_VF_SYND2(u32)[16, stride = 0x1000] @ 0x10000f48 {
        /// Lock ID of the HCW.
        15:0 lock_id;
        /// Debug bits.
        23:16 debug;
        /// The HCW returned a token.
        24:24 cq_pop;
        /// The HCW completed an element.
        25:25 qe_uhl;
        /// The HCW was a fragment.
        26:26 qe_orsp;
        /// The HCW carried an element.
        27:27 qe_valid;
        /// Size bit of the HCW.
        28:28 isz;
        /// Error bit of the HCW.
        29:29 dsi_error;
    }

    /// An LDB queue exists.
    pub SYS_LDB_QID_V(u32)[32, stride = 0x1000] @ 0x10000f50 {
        /// 1 = valid.
        0:0 qid_v;
    }

    /// Time-stamping of an LDB queue's elements.
    pub SYS_LDB_QID_ITS(u32)[32, stride = 0x1000] @ 0x10000f54 {
        /// 1 = overwrite the opaque field with a time stamp.
        0:0 qid_its;
    }

    /// Scheduling types an LDB queue was set up for.
    pub SYS_LDB_QID_CFG_V(u32)[32, stride = 0x1000] @ 0x10000f58 {
        /// The queue has sequence numbers: ordered scheduling.
        0:0 sn_cfg_v;
        /// The queue has atomic storage: atomic scheduling.
        1:1 fid_cfg_v;
    }

    /// A DIR queue exists.
    pub SYS_DIR_QID_V(u32)[64 | 96, stride = 0x1000] @ 0x10000f60 {
        /// 1 = valid.
        0:0 qid_v;
    }

    /// Time-stamping of a DIR queue's elements.
    pub SYS_DIR_QID_ITS(u32)[64 | 96, stride = 0x1000] @ 0x10000f64 {
        /// 1 = overwrite the opaque field with a time stamp.
        0:0 qid_its;
    }

    /// Lower half of an LDB CQ's DMA address, 64-byte aligned.
    pub SYS_LDB_CQ_ADDR_L(u32)[64, stride = 0x1000] @ 0x10000f80 {
        /// Address bits 31:6.
        31:6 addr_l;
    }

    /// Upper half of an LDB CQ's DMA address.
    pub SYS_LDB_CQ_ADDR_U(u32)[64, stride = 0x1000] @ 0x10000f84 {
        /// Address bits 63:32.
        31:0 addr_u;
    }

    /// Domain an LDB producer port belongs to.
    pub SYS_LDB_PP2VAS(u32)[64, stride = 0x1000] @ 0x10000f88 {
        /// Domain.
        4:0 vas;
    }

    /// VF an LDB producer port belongs to.
    pub SYS_LDB_PP2VDEV(u32)[64, stride = 0x1000] @ 0x10000f8c {
        /// Virtual function.
        3:0 vdev;
    }

    /// An LDB producer port accepts HCWs.
    pub SYS_LDB_PP_V(u32)[64, stride = 0x1000] @ 0x10000f90 {
        /// 1 = valid.
        0:0 pp_v;
    }

    /// Requester and ordering an LDB CQ is written with.
    pub SYS_LDB_CQ2VF_PF_RO(u32)[64, stride = 0x1000] @ 0x10000f94 {
        /// Virtual function.
        3:0 vf;
        /// 1 = the PF owns the CQ.
        4:4 is_pf;
        /// 1 = cache lines may be written out of order.
        5:5 ro;
    }

    /// Where an LDB CQ's interrupt goes.
    pub SYS_LDB_CQ_ISR(u32)[64, stride = 0x1000] @ 0x10000f98 {
        /// Vector: of the PF less one, or of the VF.
        5:0 vector;
        /// Virtual function.
        9:6 vf;
        /// 0 = off, 1 = MSI of the VF, 2 = MSI-X of the PF, 3 = ADI.
        11:10 en_code;
    }

    /// Address type an LDB CQ is written with. On 2.5 this offset holds the PASID register.
    pub SYS_LDB_CQ_AT(u32)[64, stride = 0x1000] @ 0x10000f9c | - {
        /// 0 = untranslated, 2 = translated.
        1:0 cq_at;
    }

    /// PASID an LDB CQ is written with. Ignored unless `fmt2` is set.
    pub SYS_LDB_CQ_PASID(u32)[64, stride = 0x1000] @ 0x10000fa0 | 0x10000f9c {
        /// PASID.
        19:0 pasid;
        /// Execute requested.
        20:20 exe_req;
        /// Privileged mode requested.
        21:21 priv_req;
        /// 1 = send the PASID prefix.
        22:22 fmt2;
    }

    /// Message address of an LDB CQ's ADI interrupt, lower half. No known driver uses it.
    pub SYS_LDB_CQ_AI_ADDR_L(u32)[64, stride = 0x1000] @ - | 0x10000fa0 {
        /// Message address, bits 31:2.
        31:2 cq_ai_addr_l;
    }

    /// Message address of an LDB CQ's ADI interrupt.
    pub SYS_LDB_CQ_AI_ADDR(u32)[64, stride = 0x1000] @ 0x10000fa4 | - {
        /// Message address, bits 19:2.
        19:2 cq_ai_addr;
    }

    /// Message address of an LDB CQ's ADI interrupt, upper half. No known driver uses it.
    pub SYS_LDB_CQ_AI_ADDR_U(u32)[64, stride = 0x1000] @ - | 0x10000fa4 {
        /// Message address, bits 63:32.
        31:0 cq_ai_addr_u;
    }

    /// Message data of an LDB CQ's ADI interrupt.
    pub SYS_LDB_CQ_AI_DATA(u32)[64, stride = 0x1000] @ 0x10000fa8 | - {
        /// Message data.
        31:0 cq_ai_data;
    }

    /// Lower half of a DIR CQ's DMA address, 64-byte aligned.
    pub SYS_DIR_CQ_ADDR_L(u32)[64 | 96, stride = 0x1000] @ 0x10000fc0 {
        /// Address bits 31:6.
        31:6 addr_l;
    }

    /// Upper half of a DIR CQ's DMA address.
    pub SYS_DIR_CQ_ADDR_U(u32)[64 | 96, stride = 0x1000] @ 0x10000fc4 {
        /// Address bits 63:32.
        31:0 addr_u;
    }

    /// Domain a DIR producer port belongs to.
    pub SYS_DIR_PP2VAS(u32)[64 | 96, stride = 0x1000] @ 0x10000fc8 {
        /// Domain.
        4:0 vas;
    }

    /// VF a DIR producer port belongs to.
    pub SYS_DIR_PP2VDEV(u32)[64 | 96, stride = 0x1000] @ 0x10000fcc {
        /// Virtual function.
        3:0 vdev;
    }

    /// A DIR producer port accepts HCWs.
    pub SYS_DIR_PP_V(u32)[64 | 96, stride = 0x1000] @ 0x10000fd0 {
        /// 1 = valid.
        0:0 pp_v;
    }

    /// Requester and ordering a DIR CQ is written with.
    pub SYS_DIR_CQ2VF_PF_RO(u32)[64 | 96, stride = 0x1000] @ 0x10000fd4 {
        /// Virtual function.
        3:0 vf;
        /// 1 = the PF owns the CQ.
        4:4 is_pf;
        /// 1 = cache lines may be written out of order.
        5:5 ro;
    }

    /// Where a DIR CQ's interrupt goes.
    pub SYS_DIR_CQ_ISR(u32)[64 | 96, stride = 0x1000] @ 0x10000fd8 {
        /// Vector: of the PF less one, or of the VF.
        5:0 vector;
        /// Virtual function.
        9:6 vf;
        /// 0 = off, 1 = MSI of the VF, 2 = MSI-X of the PF, 3 = ADI.
        11:10 en_code;
    }

    /// Address type a DIR CQ is written with. On 2.5 this offset holds the PASID register.
    pub SYS_DIR_CQ_AT(u32)[64, stride = 0x1000] @ 0x10000fdc | - {
        /// 0 = untranslated, 2 = translated.
        1:0 cq_at;
    }

    /// PASID a DIR CQ is written with. Ignored unless `fmt2` is set.
    pub SYS_DIR_CQ_PASID(u32)[64 | 96, stride = 0x1000] @ 0x10000fe0 | 0x10000fdc {
        /// PASID.
        19:0 pasid;
        /// Execute requested.
        20:20 exe_req;
        /// Privileged mode requested.
        21:21 priv_req;
        /// 1 = send the PASID prefix.
        22:22 fmt2;
    }

    /// Message address of a DIR CQ's ADI interrupt, lower half. No known driver uses it.
    pub SYS_DIR_CQ_AI_ADDR_L(u32)[96, stride = 0x1000] @ - | 0x10000fe0 {
        /// Message address, bits 31:2.
        31:2 cq_ai_addr_l;
    }

    /// Message address of a DIR CQ's ADI interrupt.
    pub SYS_DIR_CQ_AI_ADDR(u32)[64, stride = 0x1000] @ 0x10000fe4 | - {
        /// Message address, bits 19:2.
        19:2 cq_ai_addr;
    }

    /// Message address of a DIR CQ's ADI interrupt, upper half. No known driver uses it.
    pub SYS_DIR_CQ_AI_ADDR_U(u32)[96, stride = 0x1000] @ - | 0x10000fe4 {
        /// Message address, bits 63:32.
        31:0 cq_ai_addr_u;
    }

    /// Message data of a DIR CQ's ADI interrupt.
    pub SYS_DIR_CQ_AI_DATA(u32)[64, stride = 0x1000] @ 0x10000fe8 | - {
        /// Message data.
        31:0 cq_ai_data;
    }

    /// Format of a DIR CQ's entries.
    pub SYS_DIR_CQ_FMT(u32)[64 | 96, stride = 0x1000] @ 0x10000fec {
        /// 1 = report the physical producer port, 0 = the virtual one.
        0:0 keep_pf_ppid;
    }

    /// HCWs dropped by ingress checks, lower half.
    pub SYS_DLB_SYS_CNT_4(u32) @ 0x10001010 {
        /// Counter.
        31:0 cnt;
    }

    /// HCWs dropped by ingress checks, upper half.
    pub SYS_DLB_SYS_CNT_5(u32) @ 0x10001014 {
        /// Counter.
        31:0 cnt;
    }

    /// Performance monitor: control.
    pub SYS_PM_SMON_CFG0(u32) @ 0x10003000 = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
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
    pub SYS_PM_SMON_CFG1(u32) @ 0x10003004 {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: first value to compare with.
    pub SYS_PM_SMON_COMPARE0(u32) @ 0x10003008 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub SYS_PM_SMON_COMPARE1(u32) @ 0x1000300c {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: first counter.
    pub SYS_PM_SMON_ACTIVITYCNTR0(u32) @ 0x10003010 {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub SYS_PM_SMON_ACTIVITYCNTR1(u32) @ 0x10003014 {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: timer.
    pub SYS_PM_SMON_TMR(u32) @ 0x10003018 {
        /// Timer value.
        31:0 timer_val;
    }

    /// Performance monitor: where the timer stops.
    pub SYS_PM_SMON_MAX_TMR(u32) @ 0x1000301c {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: mask of the first comparison.
    pub SYS_PM_SMON_COMP_MASK0(u32) @ 0x10003020 = 0xffffffff {
        /// Mask.
        31:0 comp_mask0;
    }

    /// Performance monitor: mask of the second comparison.
    pub SYS_PM_SMON_COMP_MASK1(u32) @ 0x10003024 = 0xffffffff {
        /// Mask.
        31:0 comp_mask1;
    }

    /// Write-buffer state of a DIR CQ.
    pub SYS_WB_DIR_CQ_STATE(u32)[96, stride = 0x1000] @ - | 0x11c00000 {
        /// Buffer 0 is valid.
        0:0 wb0_v;
        /// Buffer 1 is valid.
        1:1 wb1_v;
        /// Buffer 2 is valid.
        2:2 wb2_v;
        /// The CQ is being optimised.
        3:3 dir_opt;
        /// Write 1 to clear the state; clears itself.
        4:4 cq_opt_clr;
    }

    /// Write-buffer state of an LDB CQ.
    pub SYS_WB_LDB_CQ_STATE(u32)[64, stride = 0x1000] @ - | 0x11d00000 {
        /// Buffer 0 is valid.
        0:0 wb0_v;
        /// Buffer 1 is valid.
        1:1 wb1_v;
        /// Buffer 2 is valid.
        2:2 wb2_v;
        /// Write 1 to clear the state; clears itself.
        4:4 cq_opt_clr;
    }

    /// Entry of the IMS table: message address, lower half.
    pub SYS_AI_ADDR_L(u32)[160, stride = 0x10] @ - | 0x11e00000 {
        /// Message address, bits 31:2.
        31:2 ims_addr_l;
    }

    /// Entry of the IMS table: message address, upper half.
    pub SYS_AI_ADDR_U(u32)[160, stride = 0x10] @ - | 0x11e00004 {
        /// Message address, bits 63:32.
        31:0 ims_addr_u;
    }

    /// Entry of the IMS table: message data.
    pub SYS_AI_DATA(u32)[160, stride = 0x10] @ - | 0x11e00008 {
        /// Message data.
        31:0 ims_data;
    }

    /// Entry of the IMS table: control.
    pub SYS_AI_CTRL(u32)[160, stride = 0x10] @ - | 0x11e0000c {
        /// 1 = the entry is masked.
        0:0 ims_mask;
        /// 1 = an interrupt is pending.
        1:1 ims_pend;
    }

    /// Write buffer and scheduling rate.
    pub SYS_WRITE_BUFFER_CTL(u32) @ 0x18001040 {
        /// Ignore the valid bits of DIR write buffers.
        - | 0:0 ignore_dir_wb_v;
        /// Write single beats.
        1:1 write_single_beats;
        /// Hold the scheduling state machine.
        2:2 hold_sch_sm;
        /// Ignore the valid bits of LDB write buffers.
        - | 3:3 ignore_ldb_wb_v;
        /// Mask scheduling from arbitration.
        4:4 arb_sch_mask;
        /// Mask MSI from arbitration.
        5:5 arb_msi_mask;
        /// Single-step scheduling.
        6:6 single_step_sch;
        /// Single-step MSI.
        7:7 single_step_msi;
        /// Debug mode.
        8:8 enable_debug;
        /// 0 = 266 million decisions per second, 3 = 200 million.
        18:16 sch_rate_limit;
        /// Interrupt of a DIR CQ ahead of its write.
        19:19 early_dir_int;
    }

    /// Performance monitor: control. Only the first instance is known.
    pub SYS_SMON_CFG0(u32)[1, stride = 0x40] @ 0x18002000 = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
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

    /// Performance monitor: modes. Only the first instance is known.
    pub SYS_SMON_CFG1(u32)[1, stride = 0x40] @ 0x18002004 {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: first value to compare with. Only the first instance is known.
    pub SYS_SMON_COMPARE0(u32)[1, stride = 0x40] @ 0x18002008 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with. Only the first instance is known.
    pub SYS_SMON_COMPARE1(u32)[1, stride = 0x40] @ 0x1800200c {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: first counter. Only the first instance is known.
    pub SYS_SMON_ACTIVITYCNTR0(u32)[1, stride = 0x40] @ 0x18002010 {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter. Only the first instance is known.
    pub SYS_SMON_ACTIVITYCNTR1(u32)[1, stride = 0x40] @ 0x18002014 {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: timer. Only the first instance is known.
    pub SYS_SMON_TMR(u32)[1, stride = 0x40] @ 0x18002018 {
        /// Timer value.
        31:0 timer_val;
    }

    /// Performance monitor: where the timer stops. Only the first instance is known.
    pub SYS_SMON_MAX_TMR(u32)[1, stride = 0x40] @ 0x1800201c {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: mask of the first comparison. Only the first instance is known.
    pub SYS_SMON_COMP_MASK0(u32)[1, stride = 0x40] @ 0x18002020 = 0xffffffff {
        /// Mask.
        31:0 comp_mask0;
    }

    /// Performance monitor: mask of the second comparison. Only the first instance is known.
    pub SYS_SMON_COMP_MASK1(u32)[1, stride = 0x40] @ 0x18002024 = 0xffffffff {
        /// Mask.
        31:0 comp_mask1;
    }
}
