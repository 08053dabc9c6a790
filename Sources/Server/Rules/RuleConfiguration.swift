internal import Model

/// The rules that a server evaluates, whose they are, and who hears of alerts.
package struct RuleConfiguration: Sendable, Hashable {
    /// By file and name.
    var groups: [RuleGroupDefinition] = []
    var options = RuleOptions()
    var tenant = Tenant.standard
    /// Addresses, `http://HOST:PORT[/PREFIX]`.
    var alertmanagers: [String] = []

    package init() {}

    /// Whose series rules read and write; checked with `ServerConfiguration.isTenant`.
    package mutating func setTenant(_ name: String) { tenant = Tenant(name) ?? .standard }

    /// Reads files of rules: path and text of each. `intervalNanos`: of groups that name none.
    /// Throws everything that is wrong; then nothing has changed.
    package mutating func setFiles(
        _ files: [(path: String, text: String)], intervalNanos: Int64
    ) throws(FileFaults) {
        var faults: [FileFault] = []
        var read: [RuleGroupDefinition] = []
        for file in files {
            do {
                read += try RuleFile(
                    path: file.path, text: file.text, intervalNanos: intervalNanos
                ).groups
            } catch {
                faults += error.all
            }
        }
        guard faults.isEmpty else { throw FileFaults(faults) }
        groups = read.sorted { $0.key < $1.key }
    }

    /// What tells this store from others: labels that alerts are sent with, and its address.
    package mutating func setExternal(labels: [(name: String, value: String)], url: String) {
        options.externalLabels = labels.map { RulePair(name: $0.name, value: $0.value) }
        options.externalURL = url
        while options.externalURL.hasSuffix("/") { options.externalURL.removeLast() }
    }

    /// Who hears of alerts, and how often of one that goes on.
    package mutating func setAlertmanagers(_ addresses: [String], resendNanos: Int64) {
        alertmanagers = addresses
        options.resendNanos = resendNanos
    }

    /// How the state of alerts is taken over at a start: see `AlertTable.RestoreLimits`.
    package mutating func setRestore(outageNanos: Int64, graceNanos: Int64) {
        options.restore = AlertTable.RestoreLimits(
            outageNanos: outageNanos, graceNanos: graceNanos)
    }
}
