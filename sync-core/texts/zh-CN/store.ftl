# 手机上的存储：打不开、写不进时说的话

store-store-in-use = 另一个程序正在使用这份数据
store-key-unavailable = 取不到密钥：请先解锁手机再打开；数据没有动过
store-wrong-key = 密钥不属于这份存储；数据没有动过
store-not-a-store = 这不是 Fieldbook 的存储文件，没有动它
store-truncated = 存储文件被截短了：需要抢救，原文件会保留
store-header-damaged = 存储文件的开头已损坏：需要抢救，原文件会保留
store-log-damaged = 存储的日志文件中间已损坏：需要抢救，原文件会保留
store-pages-damaged = 存储文件内部已损坏：需要抢救，原文件会保留
store-row-damaged = 存储中有一行读不出来，其余完好
store-store-newer = 这份存储由更新的版本写成：请更新应用；数据没有动过
store-disk-full = 空间已满：这一步没有保存，原来的内容完好；请腾出空间后再做一次
store-number-too-large = 数字太大，存储放不下，没有保存
store-not-durable = 这个位置不能可靠保存：请换一个位置
store-stopped = 保存被中断，没有保存的内容不算数
store-files = 存储文件无法使用
store-database = 存储没有写成，原来的内容完好

# 读不出来的步骤
lost-row-damaged = 这一行已损坏，读不出来
lost-row-missing = 这一行所在的位置已损坏
