internal import Cluster
internal import Foundation
internal import Platform
internal import Server

/// The settings of rules as the server takes them. Files are read here, so that what is wrong with
/// them keeps a start or a reload from happening.
extension SettingSources {
    func addRules(to configuration: inout ServerConfiguration) throws(SettingError) {
        configuration.rules.setTenant(try tenantName(.rulesTenant))
        configuration.rules.setExternal(
            labels: try externalLabels(), url: try externalURL(configuration))
        configuration.rules.setAlertmanagers(
            try alertmanagers(), resendNanos: try duration(.alertResend, atLeast: second / 10))
        configuration.rules.setRestore(
            outageNanos: try duration(.rulesOutage, atLeast: second),
            graceNanos: try duration(.rulesGrace, atLeast: 0))
        let interval = try duration(.rulesInterval, atLeast: second / 10)
        let files = try ruleFiles()
        do {
            try configuration.rules.setFiles(files, intervalNanos: interval)
        } catch {
            throw SettingError("\(self[.rules].source): \(error)")
        }
    }

    /// Path and text of each, every path once. A path that is no pattern must be there.
    private func ruleFiles() throws(SettingError) -> [(path: String, text: String)] {
        let value = self[.rules]
        guard value.text != "off" else { return [] }
        var paths: [String] = []
        for piece in value.text.split(separator: ",") {
            let pattern = piece.trimmingCharacters(in: .whitespaces)
            let found =
                PathPattern.isPattern(pattern) ? PathPattern.matches(pattern) : [pattern]
            paths += found.filter { !paths.contains($0) }
        }
        var files: [(path: String, text: String)] = []
        for path in paths {
            do {
                files.append((path, try String(contentsOfFile: path, encoding: .utf8)))
            } catch {
                throw SettingError(
                    "\(value.source): cannot read \(path): \(error.localizedDescription)")
            }
        }
        return files
    }

    private func alertmanagers() throws(SettingError) -> [String] {
        let value = self[.alertmanager]
        guard value.text != "off" else { return [] }
        var addresses: [String] = []
        for piece in value.text.split(separator: ",") {
            let address = piece.trimmingCharacters(in: .whitespaces)
            guard !address.hasPrefix("https://") else {
                throw SettingError(
                    value.source, value.text,
                    "https:// is not supported; http://HOST:PORT[/PREFIX] is allowed")
            }
            let authority = address.dropFirst(7).prefix { $0 != "/" }
            guard address.hasPrefix("http://"),
                case .inet(let host, let port)? = Endpoint(String(authority), defaultPort: 80),
                !host.isEmpty, port > 0
            else {
                throw SettingError(
                    value.source, value.text,
                    "http://HOST:PORT[/PREFIX], several with commas, or off is allowed")
            }
            addresses.append(address)
        }
        return addresses
    }

    private func externalLabels() throws(SettingError) -> [(name: String, value: String)] {
        let value = self[.externalLabels]
        guard value.text != "off" else { return [] }
        var labels: [(name: String, value: String)] = []
        for piece in value.text.split(separator: ",") {
            let sides = piece.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = sides[0].trimmingCharacters(in: .whitespaces)
            guard sides.count == 2, !name.isEmpty, name != "__name__" else {
                throw SettingError(
                    value.source, value.text, "NAME=VALUE, several with commas, or off is allowed")
            }
            labels.append((name, sides[1].trimmingCharacters(in: .whitespaces)))
        }
        return labels.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private func externalURL(
        _ configuration: ServerConfiguration
    ) throws(SettingError) -> String {
        let value = self[.externalURL]
        guard value.text == "auto" else {
            guard value.text.hasPrefix("http://") || value.text.hasPrefix("https://") else {
                throw SettingError(
                    value.source, value.text, "http://HOST[:PORT][/PREFIX] or auto is allowed")
            }
            return value.text
        }
        let address = configuration.cluster?.entry.profile.httpAddress
        return address.map { "http://\($0)" } ?? ""
    }
}
