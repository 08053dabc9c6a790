internal import Foundation

/// The status of a cluster as the server's JSON has it, for a terminal.
struct ClusterView {
    typealias Object = [String: Any]

    let status: Object

    init(_ data: Any) { status = data as? Object ?? [:] }

    var isHealthy: Bool { status["healthy"] as? Bool ?? false }
    var members: [Object] { status["members"] as? [Object] ?? [] }
    var shards: [Object] { status["shards"] as? [Object] ?? [] }

    func texts(_ key: String) -> [String] { status[key] as? [String] ?? [] }

    static func text(of data: Any) throws -> String {
        String(
            decoding: try JSONSerialization.data(
                withJSONObject: data, options: [.sortedKeys, .fragmentsAllowed]),
            as: UTF8.self)
    }

    func lines(allShards: Bool) -> [String] {
        var lines = [headline, ""]
        lines += memberTable
        let shown = allShards ? shards : shards.filter { !ClusterView.isQuiet($0) }
        if !shown.isEmpty { lines += [""] + shardTable(shown) }
        let quiet = shards.count - shown.count
        if quiet > 0 { lines += ["", "\(quiet) of \(shards.count) groups are as they should be"] }
        lines += section("under way", texts("activity"))
        lines += section("warnings", texts("warnings"))
        return lines
    }

    private var headline: String {
        guard let id = status["clusterId"] as? String else {
            return "a node of one, not in a cluster"
        }
        if let waitsFor = status["waitsFor"] as? String { return "cluster \(id): \(waitsFor)" }
        let word = isHealthy ? "healthy" : "NOT healthy: \(trouble(wantedMembers: 0))"
        return "cluster \(id), seen from \(status["node"] ?? "?"): \(word)"
    }

    /// What keeps it from being healthy.
    func trouble(wantedMembers: Int) -> String {
        if let waitsFor = status["waitsFor"] as? String { return waitsFor }
        let away = members.filter { !ClusterView.flag($0, "live") }.map { "\($0["name"] ?? "?")" }
        let silent = members.filter(ClusterView.isSilent).map { "\($0["name"] ?? "?")" }
        let leaderless = shards.count { $0["leader"] as? String == nil }
        let lost = shards.count { !ClusterView.flag($0, "majority") }
        let short = shards.count { ClusterView.flag($0, "underReplicated") }
        let parts: [String?] = [
            members.count < wantedMembers ? "\(members.count) of \(wantedMembers) members" : nil,
            away.isEmpty ? nil : "\(away.joined(separator: ", ")) away",
            silent.isEmpty ? nil : "\(silent.joined(separator: ", ")) gave no answer",
            status["current"] as? Bool == false
                ? "the meta group does not say what it decided last" : nil,
            lost == 0 ? nil : "NO QUORUM in \(lost) groups: they take no writes",
            leaderless == 0 ? nil : "\(leaderless) groups without a leader",
            short == 0 ? nil : "\(short) groups lack replicas",
        ]
        return parts.compactMap { $0 }.joined(separator: "; ")
    }

    private var memberTable: [String] {
        var table = TextTable([
            ("NODE", .left), ("ID", .right), ("ZONE", .left), ("STATE", .left),
            ("REPLICAS", .right), ("LEADERS", .right), ("LEVEL", .right), ("PEERS", .left),
            ("HTTP", .left),
        ])
        for member in members {
            let state = "\(member["state"] ?? "?")"
            let isLive = ClusterView.flag(member, "live")
            let words = [
                isLive ? "live" : "AWAY", ClusterView.isSilent(member) ? "no answer" : nil,
                state == "active" ? nil : state,
                ClusterView.flag(member, "witness") ? "witness" : nil,
            ]
            table.add([
                "\(member["name"] ?? "?")", "\(member["id"] ?? "?")",
                member["zone"] as? String ?? "-",
                words.compactMap { $0 }.joined(separator: ", "), "\(member["replicas"] ?? 0)",
                "\(member["leaders"] ?? 0)", "\(member["featureLevel"] ?? 0)",
                "\(member["address"] ?? "")", "\(member["httpAddress"] ?? "")",
            ])
        }
        return table.lines
    }

    private func shardTable(_ shown: [Object]) -> [String] {
        var table = TextTable([
            ("SHARD", .left), ("LEADER", .left), ("TERM", .right), ("REPLICAS", .left),
            ("LEARNERS", .left), ("LAG", .right), ("STATE", .left),
        ])
        for shard in shown {
            let words: [String?] = [
                ClusterView.flag(shard, "majority") ? nil : "NO QUORUM",
                ClusterView.flag(shard, "underReplicated") ? "lacks replicas" : nil,
                shard["movement"] as? String,
            ]
            table.add([
                "\(shard["shard"] ?? "?")", shard["leader"] as? String ?? "-",
                "\(shard["term"] ?? 0)",
                (shard["voters"] as? [String] ?? []).joined(separator: ","),
                (shard["learners"] as? [String] ?? []).joined(separator: ","),
                "\(shard["lagEntries"] ?? 0)",
                words.compactMap { $0 }.joined(separator: "; "),
            ])
        }
        return table.lines
    }

    private func section(_ title: String, _ sentences: [String]) -> [String] {
        sentences.isEmpty ? [] : ["", "\(title):"] + sentences.map { "  \($0)" }
    }

    private static func isQuiet(_ shard: Object) -> Bool {
        shard["leader"] as? String != nil && flag(shard, "majority")
            && !flag(shard, "underReplicated") && shard["movement"] as? String == nil
    }

    /// It is there and does not say how the groups are that it leads.
    private static func isSilent(_ member: Object) -> Bool {
        flag(member, "live") && member["answers"] as? Bool == false
    }

    private static func flag(_ object: Object, _ key: String) -> Bool {
        object[key] as? Bool ?? false
    }
}
