internal import Cluster
internal import Foundation
internal import Platform
internal import Server

/// The settings of the cluster as the server takes them.
extension SettingSources {
    private static let peerPort = 8_781

    /// `http`: where HTTP listens, nil for nowhere.
    func clusterConfiguration(http: Endpoint?) throws(SettingError) -> ClusterConfiguration {
        guard let listen = try endpoint(.peers) else {
            throw SettingError(self[.peers].source, "off", "HOST:PORT is allowed")
        }
        let address = try advertised(listen)
        let security = try peerSecurity(listen)
        var profile = ClusterProfile(
            name: try nodeName(), zone: try zoneName(), address: "\(address)",
            httpAddress: try advertisedHTTP(http, address))
        profile.isWitness = try isOn(.witness)
        profile.graceNanos = try duration(.replaceAfter, atLeast: 1_000_000_000)
        return ClusterConfiguration(
            entry: ClusterEntry(
                way: try way(), profile: profile, isNameGiven: self[.nodeName].text != "auto",
                security: security),
            listen: listen)
    }

    private func way() throws(SettingError) -> ClusterEntry.Way {
        let join = self[.join]
        guard join.text != "off" else { return try isOn(.clusterInit) ? .found : .goOn }
        guard try !isOn(.clusterInit) else {
            throw SettingError(
                "\(self[.clusterInit].source) and \(join.source): a node founds a cluster or joins "
                    + "one, not both")
        }
        var seeds: [Endpoint] = []
        for text in join.text.split(separator: ",") {
            guard
                let seed = Endpoint(
                    String(text.filter { $0 != " " }), defaultPort: SettingSources.peerPort),
                case .inet(let host, let port) = seed, !host.isEmpty, port > 0
            else {
                throw SettingError(
                    join.source, join.text, "HOST:PORT, several with commas, or off is allowed")
            }
            seeds.append(seed)
        }
        guard !seeds.isEmpty else {
            throw SettingError(join.source, join.text, "HOST:PORT or off is allowed")
        }
        return .join(seeds)
    }

    func isOn(_ setting: Setting) throws(SettingError) -> Bool {
        try choice(
            setting,
            ["on": true, "off": false, "true": true, "false": false, "1": true, "0": false])
    }

    /// Where others reach this node.
    private func advertised(_ listen: Endpoint) throws(SettingError) -> Endpoint {
        guard case .inet(_, let listenPort) = listen else {
            throw SettingError(self[.peers].source, self[.peers].text, "HOST:PORT is allowed")
        }
        let value = self[.advertise]
        guard value.text == "auto" else {
            guard let endpoint = Endpoint(value.text, defaultPort: listenPort),
                case .inet(_, let port) = endpoint, !endpoint.isWildcard, port > 0
            else { throw SettingError(value.source, value.text, "HOST or HOST:PORT is allowed") }
            return endpoint
        }
        guard !listen.isWildcard else {
            throw SettingError(
                "\(self[.peers].source) is \"\(self[.peers].text)\", every address of this machine: "
                    + "say with --advertise HOST[:PORT] which one the other nodes are told")
        }
        guard listenPort > 0 else {
            throw SettingError(
                self[.peers].source, self[.peers].text,
                "a port of 1 to 65535, or --advertise HOST:PORT, is needed")
        }
        return listen
    }

    private func advertisedHTTP(
        _ http: Endpoint?, _ address: Endpoint
    ) throws(SettingError) -> String {
        let value = self[.advertiseHTTP]
        guard value.text == "auto" else {
            guard let endpoint = Endpoint(value.text), case .inet(_, let port) = endpoint,
                !endpoint.isWildcard, port > 0
            else { throw SettingError(value.source, value.text, "HOST:PORT is allowed") }
            return "\(endpoint)"
        }
        // Every member has an address for clients; without HTTP it is one that answers nobody.
        guard let http, case .inet(_, let port) = http, port > 0 else { return "\(address)" }
        guard http.isWildcard, case .inet(let host, _) = address else { return "\(http)" }
        return "\(Endpoint.inet(host: host, port: port))"
    }

    private func peerSecurity(_ listen: Endpoint) throws(SettingError) -> PeerSecurity {
        let files = [Setting.peerCert, .peerKey, .peerCA]
        let given = files.filter { path($0) != nil }
        if let certificate = path(.peerCert), let key = path(.peerKey),
            let authority = path(.peerCA)
        {
            return .tls(certificate: certificate, key: key, authority: authority)
        }
        if let first = given.first {
            let missing = files.filter { path($0) == nil }.map { "--\($0.rawValue)" }
            throw SettingError(
                "\(self[first].source) needs \(missing.joined(separator: " and ")) beside it")
        }
        let isAllowed = try isOn(.peerPlain)
        guard isAllowed || PeerSecurity.plainIsAllowed(listen: listen) else {
            throw SettingError(
                "\(self[.peers].source) is \"\(self[.peers].text)\", which others can reach, and "
                    + "nothing keeps strangers out: give --peer-cert, --peer-key and --peer-ca "
                    + "(`varve cluster cert` makes them), or allow it with --peer-plain")
        }
        return .plain
    }

    private func nodeName() throws(SettingError) -> String {
        let value = self[.nodeName]
        if value.text != "auto" { return try word(value) }
        let host = ProcessFacts.hostName
        return host.isEmpty ? "varve" : host
    }

    /// The first that is there of the setting and the file.
    private func zoneName() throws(SettingError) -> String? {
        let value = self[.zone]
        if value.text != "off" { return try word(value) }
        guard let file = path(.zoneFile) else { return nil }
        let source = self[.zoneFile].source
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw SettingError("\(source): cannot read \(file): \(error.localizedDescription)")
        }
        let line = text.split(whereSeparator: \.isNewline).first ?? ""
        return try word(
            Value(
                text: line.trimmingCharacters(in: .whitespaces),
                source: "\(source): the first line of \(file)"))
    }

    private func word(_ value: Value) throws(SettingError) -> String {
        guard Newcomer.isName(value.text) else {
            throw SettingError(
                value.source, value.text, "a word of 1 to 255 bytes without spaces is allowed")
        }
        return value.text
    }
}
