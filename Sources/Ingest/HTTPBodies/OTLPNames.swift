/// How names and severities of OpenTelemetry are called in Loki.
/// Sources: Grafana Loki documentation, "Ingesting logs to Loki using OpenTelemetry Collector" and
/// "Service detection"; OpenTelemetry, "Logs data model", severity fields.
enum OTLPNames {
    /// Attributes of a resource that are labels of its streams; all others are structured metadata.
    static let labels: Set<String> = [
        "cloud.availability_zone", "cloud.region", "container.name", "deployment.environment",
        "deployment.environment.name", "k8s.cluster.name", "k8s.container.name",
        "k8s.cronjob.name", "k8s.daemonset.name", "k8s.deployment.name", "k8s.job.name",
        "k8s.namespace.name", "k8s.pod.name", "k8s.replicaset.name", "k8s.statefulset.name",
        "service.instance.id", "service.name", "service.namespace",
    ]

    /// Bytes of a name, before it is made a label's: keeps maps within maps from growing each
    /// other's names.
    static let nameBytesMax = 1_000

    /// Where the name of a service is looked for when a resource does not say it, in this order.
    static let services = [
        "service", "app", "application", "name", "app_kubernetes_io_name", "container",
        "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name",
    ]

    /// A name as a label's: what is no letter, digit or underscore becomes an underscore; a digit
    /// in front gets `key_`, a single underscore `key`.
    static func label(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var name: [UInt8] = []
        name.reserveCapacity(key.count + 4)
        for scalar in String(decoding: key, as: UTF8.self).unicodeScalars {
            let byte = scalar.isASCII ? UInt8(truncatingIfNeeded: scalar.value) : 0
            name.append(byte.isWordByte ? byte : 0x5F)
        }
        guard let first = name.first else { return [] }
        if 0x30...0x39 ~= first { return (Array("key_".utf8) + name)[...] }
        if first == 0x5F, name.count < 2 || name[1] != 0x5F {
            return (Array("key".utf8) + name)[...]
        }
        return name[...]
    }

    /// The number of `SEVERITY_NUMBER_WARN2` and its like; nil for anything else.
    static func severityNumber(named text: ArraySlice<UInt8>) -> Int64? {
        let prefix = "SEVERITY_NUMBER_"
        guard text.starts(with: prefix.utf8) else { return nil }
        let name = String(decoding: text.dropFirst(prefix.utf8.count), as: UTF8.self)
        if name == "UNSPECIFIED" { return 0 }
        for (place, word) in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].enumerated()
        where name.hasPrefix(word) {
            let rest = name.dropFirst(word.count)
            if rest.isEmpty { return Int64(4 * place + 1) }
            guard let step = Int64(rest), 2...4 ~= step else { return nil }
            return Int64(4 * place) + step
        }
        return nil
    }
}
