"""Where to add and which to retire 选址建议、退出方案、批次申请: plans over many sites at once."""
