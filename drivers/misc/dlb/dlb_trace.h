/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events: every change of configuration, and what became of it.
 *
 * Text comes from Rust as pointer and length, because Rust strings have no
 * terminator.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dlb

#if !defined(_DLB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DLB_TRACE_H

#include <linux/tracepoint.h>

/* A file in configfs was written; shelf and object are empty for the domain. */
TRACE_EVENT(dlb_config,
	TP_PROTO(const char *domain, const char *shelf, const char *object,
		 const char *attr, const char *value, size_t value_len,
		 int ret),
	TP_ARGS(domain, shelf, object, attr, value, value_len, ret),
	TP_STRUCT__entry(
		__string(domain, domain)
		__string(shelf, shelf)
		__string(object, object)
		__string(attr, attr)
		__string_len(value, value, value_len)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(domain);
		__assign_str(shelf);
		__assign_str(object);
		__assign_str(attr);
		__assign_str(value);
		__entry->ret = ret;
	),
	TP_printk("domain=%s object=%s/%s attr=%s value=\"%s\" ret=%d",
		  __get_str(domain), __get_str(shelf), __get_str(object),
		  __get_str(attr), __get_str(value), __entry->ret)
);

/* A directory was made or removed in configfs. */
DECLARE_EVENT_CLASS(dlb_directory,
	TP_PROTO(const char *domain, const char *shelf, const char *object),
	TP_ARGS(domain, shelf, object),
	TP_STRUCT__entry(
		__string(domain, domain)
		__string(shelf, shelf)
		__string(object, object)
	),
	TP_fast_assign(
		__assign_str(domain);
		__assign_str(shelf);
		__assign_str(object);
	),
	TP_printk("domain=%s object=%s/%s", __get_str(domain),
		  __get_str(shelf), __get_str(object))
);

DEFINE_EVENT(dlb_directory, dlb_mkdir,
	TP_PROTO(const char *domain, const char *shelf, const char *object),
	TP_ARGS(domain, shelf, object)
);

DEFINE_EVENT(dlb_directory, dlb_rmdir,
	TP_PROTO(const char *domain, const char *shelf, const char *object),
	TP_ARGS(domain, shelf, object)
);

/* A setting of a device was written in sysfs. */
TRACE_EVENT(dlb_setting,
	TP_PROTO(const char *device, const char *attr, const char *value,
		 size_t value_len, int ret),
	TP_ARGS(device, attr, value, value_len, ret),
	TP_STRUCT__entry(
		__string(device, device)
		__string(attr, attr)
		__string_len(value, value, value_len)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(device);
		__assign_str(attr);
		__assign_str(value);
		__entry->ret = ret;
	),
	TP_printk("device=%s attr=%s value=\"%s\" ret=%d",
		  __get_str(device), __get_str(attr), __get_str(value),
		  __entry->ret)
);

/* A domain was built, or was not: then id is -1 and reason says why. */
TRACE_EVENT(dlb_enable,
	TP_PROTO(const char *domain, size_t domain_len, int id, int ret,
		 const char *reason, size_t reason_len),
	TP_ARGS(domain, domain_len, id, ret, reason, reason_len),
	TP_STRUCT__entry(
		__string_len(domain, domain, domain_len)
		__field(int, id)
		__field(int, ret)
		__string_len(reason, reason, reason_len)
	),
	TP_fast_assign(
		__assign_str(domain);
		__entry->id = id;
		__entry->ret = ret;
		__assign_str(reason);
	),
	TP_printk("domain=%s id=%d ret=%d reason=\"%s\"", __get_str(domain),
		  __entry->id, __entry->ret, __get_str(reason))
);

/* A domain ended, on request or because of what why says. */
TRACE_EVENT(dlb_disable,
	TP_PROTO(const char *domain, size_t domain_len, const char *why,
		 size_t why_len, int ret),
	TP_ARGS(domain, domain_len, why, why_len, ret),
	TP_STRUCT__entry(
		__string_len(domain, domain, domain_len)
		__string_len(why, why, why_len)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(domain);
		__assign_str(why);
		__entry->ret = ret;
	),
	TP_printk("domain=%s why=%s ret=%d", __get_str(domain),
		  __get_str(why), __entry->ret)
);

/* The hardware's reset procedure ran on a domain. */
TRACE_EVENT(dlb_domain_reset,
	TP_PROTO(const char *device, size_t device_len, int id, int ret),
	TP_ARGS(device, device_len, id, ret),
	TP_STRUCT__entry(
		__string_len(device, device, device_len)
		__field(int, id)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->id = id;
		__entry->ret = ret;
	),
	TP_printk("device=%s id=%d ret=%d", __get_str(device), __entry->id,
		  __entry->ret)
);

/* The links of a load-balanced port of a running domain were changed. */
TRACE_EVENT(dlb_links,
	TP_PROTO(const char *domain, size_t domain_len, const char *port,
		 size_t port_len, unsigned int links, int ret),
	TP_ARGS(domain, domain_len, port, port_len, links, ret),
	TP_STRUCT__entry(
		__string_len(domain, domain, domain_len)
		__string_len(port, port, port_len)
		__field(unsigned int, links)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(domain);
		__assign_str(port);
		__entry->links = links;
		__entry->ret = ret;
	),
	TP_printk("domain=%s port=%s links=%u ret=%d", __get_str(domain),
		  __get_str(port), __entry->links, __entry->ret)
);

/* An event that a domain's alerts file reports. */
TRACE_EVENT(dlb_alert,
	TP_PROTO(const char *device, size_t device_len, int id,
		 unsigned int kind, u64 aux),
	TP_ARGS(device, device_len, id, kind, aux),
	TP_STRUCT__entry(
		__string_len(device, device, device_len)
		__field(int, id)
		__field(unsigned int, kind)
		__field(u64, aux)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->id = id;
		__entry->kind = kind;
		__entry->aux = aux;
	),
	TP_printk("device=%s id=%d kind=%u aux=%#llx", __get_str(device),
		  __entry->id, __entry->kind, __entry->aux)
);

/* A device came, went or was reset. */
TRACE_EVENT(dlb_device,
	TP_PROTO(const char *device, size_t device_len, const char *what,
		 size_t what_len, int ret),
	TP_ARGS(device, device_len, what, what_len, ret),
	TP_STRUCT__entry(
		__string_len(device, device, device_len)
		__string_len(what, what, what_len)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(device);
		__assign_str(what);
		__entry->ret = ret;
	),
	TP_printk("device=%s what=%s ret=%d", __get_str(device),
		  __get_str(what), __entry->ret)
);

/* A request of a virtual function was answered. */
TRACE_EVENT(dlb_mailbox,
	TP_PROTO(const char *device, size_t device_len, unsigned int vf,
		 unsigned int command, unsigned int status),
	TP_ARGS(device, device_len, vf, command, status),
	TP_STRUCT__entry(
		__string_len(device, device, device_len)
		__field(unsigned int, vf)
		__field(unsigned int, command)
		__field(unsigned int, status)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->vf = vf;
		__entry->command = command;
		__entry->status = status;
	),
	TP_printk("device=%s vf=%u command=%u status=%u", __get_str(device),
		  __entry->vf, __entry->command, __entry->status)
);

#endif /* _DLB_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dlb_trace
#include <trace/define_trace.h>
