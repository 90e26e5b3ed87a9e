// What the page says, in English and Chinese, by the browser's language.

const WORDS = {
  en: {
    tagline: "A photograph in, the person out, hair and all.", forPrograms: "For programs", token: "Token of this server",
    enter: "Enter", choose: "Choose photographs", chooseBoth: "Choose photographs or clips", orDrop: "or drop them here, or paste one",
    stays: "They go to this server alone, which keeps nothing.", pictures: "Pictures", result: "Result", before: "Before",
    after: "After", compare: "How much of the photograph before is shown", background: "Background",
    transparent: "Transparent", white: "White", black: "Black", colour: "Colour", picture: "Picture", brush: "Brush",
    off: "Off", keep: "Keep", remove: "Remove", size: "Size", undo: "Undo",
    brushHelp: "Paint on the picture. By keyboard: arrows move the brush, space paints.", zoom: "Zoom",
    zoomIn: "Larger", zoomOut: "Smaller", fit: "Fit", download: "Download", all: "All as ZIP",
    waits: "waits", sends: "is sent", works: "is cut out", done: "done", failed: "{0}: {1}",
    progress: "{0} of {1} done", ready: "{0} is cut out", view: "{0}, photograph and cutout",
    noWebp: "This browser writes no WebP; take PNG.", noBefore: "This browser cannot show {0} itself; only the cutout is shown.",
    lost: "The server cannot be reached.", tokenWrong: "The token is not right.", keepNeeds: "What was removed can be brought back only where the browser can show the photograph.",
    tooLarge: "The file is larger than {0} MB.", noPicture: "That picture cannot be shown here.",
    edges: "Find edges again", green: "Green", blur: "Blurred", start: "Start", cancel: "Cancel", save: "Save",
    noClips: "This server takes no clips.",
    routes: "Routes for programs", back: "To the page", fields: "Fields", field: "field", means: "means",
  },
  zh: {
    tagline: "照片进，人物出，发丝不落。", forPrograms: "程序接口", token: "本服务器的令牌",
    enter: "确定", choose: "选择照片", chooseBoth: "选择照片或视频", orDrop: "或拖放到这里，也可直接粘贴",
    stays: "照片只发送到本服务器，服务器不保留任何内容。", pictures: "照片列表", result: "结果", before: "原图",
    after: "结果", compare: "原图显示的比例", background: "背景",
    transparent: "透明", white: "白色", black: "黑色", colour: "颜色", picture: "图片", brush: "画笔",
    off: "关闭", keep: "保留", remove: "去除", size: "大小", undo: "撤销",
    brushHelp: "在图上涂抹。键盘：方向键移动画笔，空格键涂抹。", zoom: "缩放",
    zoomIn: "放大", zoomOut: "缩小", fit: "适合窗口", download: "下载", all: "全部打包 ZIP",
    waits: "等待中", sends: "上传中", works: "抠图中", done: "完成", failed: "{0}：{1}",
    progress: "已完成 {0}/{1}", ready: "{0} 已抠图", view: "{0}，原图与抠图结果",
    noWebp: "此浏览器不能写 WebP，请用 PNG。", noBefore: "此浏览器不能显示 {0}，只显示结果。",
    lost: "无法连接服务器。", tokenWrong: "令牌不正确。", keepNeeds: "只有浏览器能显示原图时，才能把去除的部分找回来。",
    tooLarge: "文件超过 {0} MB。", noPicture: "这张图片无法在这里显示。",
    edges: "重新计算边缘", green: "绿色", blur: "虚化", start: "开始", cancel: "取消", save: "保存",
    noClips: "本服务器不处理视频。",
    routes: "程序接口", back: "回到页面", fields: "字段", field: "字段", means: "含义",
  },
};

const language = (navigator.languages?.[0] ?? navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";

export function say(key, ...values) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\d)\}/g, (_, number) => values[number]);
}

export function translate(root = document) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
}
