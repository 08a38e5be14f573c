"""Where the five cities with a shipped plan lie: about their middles, degrees (longitude, latitude)."""

CENTRES = {
    "zhongwei": (105.1970, 37.5000),
    "suihua": (126.9690, 46.6540),
    "wuhu": (118.4330, 31.3530),
    "shenyang": (123.4310, 41.8060),
    "liuzhou": (109.4280, 24.3260),
}
