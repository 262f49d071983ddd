// CPRSClient
