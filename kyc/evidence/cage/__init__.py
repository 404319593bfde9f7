"""Where strangers' images are decoded: helper processes that hold nothing worth stealing. (docs/adr/0054)"""
