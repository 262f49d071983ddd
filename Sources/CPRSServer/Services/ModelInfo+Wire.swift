internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSWire

extension ServedModel {
    /// As it travels.
    var wire: Cprs_V1_ModelInfo {
        var info = Cprs_V1_ModelInfo()
        info.name = self.name
        info.sha256 = self.sha256
        info.trainedWindowTokens = UInt32(self.limits.trainedWindowTokens)
        info.maxWindowTokens = UInt32(self.limits.maxWindowTokens)
        info.vocabularySize = UInt32(self.limits.vocabularySize)
        return info
    }
}

extension ServiceLimits {
    /// As they travel.
    var wire: Cprs_V1_Limits {
        var limits = Cprs_V1_Limits()
        limits.maxMessageBytes = UInt64(self.maxMessageBytes)
        limits.maxContextBytes = UInt64(self.maxContextBytes ?? 0)
        limits.maxStreams = UInt32(self.maxStreams)
        limits.maxStreamsPerUser = UInt32(self.maxStreamsPerUser)
        limits.maxHeldBytes = UInt64(self.maxHeldBytes)
        return limits
    }
}

extension Preset {
    /// As it travels.
    var wire: Cprs_V1_PresetInfo {
        var info = Cprs_V1_PresetInfo()
        info.name = self.name
        info.instruction = self.instruction
        info.tags = self.tags
        info.granularity = self.granularity.wire
        info.needsQuery = self.needsQuery
        return info
    }
}
