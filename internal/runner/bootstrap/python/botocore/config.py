class Config:
    """Takes every option of botocore's. Those that matter here are region_name, read_timeout and retries."""

    def __init__(self, **options):
        self.region_name = options.get("region_name")
        self.read_timeout = options.get("read_timeout", 60)
        self.connect_timeout = options.get("connect_timeout", 60)
        self.retries = options.get("retries") or {}
        for name, value in options.items():
            setattr(self, name, value)

    def merge(self, other):
        return Config(**{**self.__dict__, **other.__dict__})
