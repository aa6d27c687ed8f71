"""The public files that studies may need: addresses, accepted digests, and whom to cite.

Accepted are ``algorithm:digest:size``. Digests were taken from the official files, or (md5) from the pages of those who publish them. Two
files have a second accepted digest: a copy whose uncompressed content was checked to be the same.
One file, the animals' images, has none: see `Remote.accepted`.
"""

from __future__ import annotations

from stages.sources.fetch import Remote

_GITHUB = "https://raw.githubusercontent.com"
_RSA = f"{_GITHUB}/rsagroup/rsatoolbox/f1f83cadb7243492a1aae7460466e0f0140b20ac/demos/92imageData"
_MATERIALS = (
    f"{_GITHUB}/mlagunas/material-appearance-similarity/"
    "e5fccab94462f8b245e29818a31e83253369db6e/data"
)
_PERCEPT2VEC = f"{_GITHUB}/jcpeterson/percept2vec/2f82c622a8c4677101364e0b22883fc32e782faf"

MNIST_IMAGES = Remote(
    "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
    ("sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6:1648877",),
)
MNIST_LABELS = Remote(
    "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
    ("sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6:4542",),
)
FASHION_MNIST_IMAGES = Remote(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
    (
        "md5:bef4ecab320f06d8554ea6380940ec79:4422102",
        "sha256:55ec2dd7358c56fba81678bf2cd00a44de07bae64c342921600298a2b5eb517d:4385785",
    ),
)
FASHION_MNIST_LABELS = Remote(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
    ("sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5:5148",),
)
CIFAR100 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    (
        "md5:03b5dce01913d631647c71ecec9e9cb8",
        "sha256:e1748834175b7a872e1790fd38757c1604f7968d3ea8bf6a88497a3c14d04ffe:167936815",
    ),
)
ANIMALS_JUDGMENTS = Remote(
    f"{_PERCEPT2VEC}/turkResults_CogSci2016.mat",
    ("sha256:57317121aaa43f553b6551d523eaf0740269e695c0dc438f36735f2ccb85977e:65856",),
)
ANIMALS_IMAGES = Remote(
    f"{_PERCEPT2VEC}/animals.zip",
    (),
    hint="stimuli.exclude in params.yaml goes on without the set",
)
MATERIALS_TEST = Remote(
    f"{_MATERIALS}/answers_processed_test.json",
    ("sha256:8705e1d38f9762da6a66ab4b26fb691aacdea706692ebfe2ef206262de979def:430200",),
)
MATERIALS_TRAIN = Remote(
    f"{_MATERIALS}/answers_processed_train.json",
    ("sha256:eafd46b57a8220d7b650961dd119faabf30424620828eb37a7d00b0390085214:3271384",),
)
OBJECTS92_JUDGMENTS = Remote(
    f"{_RSA}/92_behavRDMs.mat",
    ("sha256:7a8e118c144c3840adeeeef6ea0706a0be2b3e80df719af15fbb56fc62562f5f:982719",),
)
OBJECTS92_IMAGES = Remote(
    f"{_RSA}/Kriegeskorte_Neuron2008_supplementalData.mat",
    ("sha256:06f21214399a5d43dc264eed19a7f4b8daf11c8622a59eec3e106064ce5e3504:3603779",),
)
_MATERIAL_DIGESTS = {
    "alum-bronze.jpg": "ecb0e9636ac05c3dde6a395d4e2ea874b346b091c642ef20bcc2903353e0e0c5:74928",
    "alumina-oxide.jpg": "a03a173f77fd2d2b5f53ac76e8b8d418f1ad146d04ad9826ac2098f07fd8a3b8:67481",
    "aluminium.jpg": "3dd2de5aac60152ccb62804398fe5e7505f1bdf66820aa6485abce3562142013:112075",
    "aventurnine.jpg": "f9156f7609cf12e8c28a5ced8a5736df82f1c024cf3e2271b8734eb73ed0d19c:57154",
    "beige-fabric.jpg": "9844ab9585c4d0c4ad88fca4ee460058793e4b675e7722db2a74849e68a8ed84:60174",
    "black-fabric.jpg": "89d130a9bf4bafde47ffad433a46d68d97ad46c516a3ba6a5fc8a66a53a2f6e7:43856",
    "black-obsidian.jpg": "94a7322f79f8a33a9f8bb440bd99616554c4010c4ac0109929a21bd98a2f3d9a:105049",
    "black-oxidized-steel.jpg": "0554551133b9fb36af33d95474b1b64e16b7df7300b27dbe82fc17dc5a17a633:51500",
    "black-phenolic.jpg": "9c4940042a15bbe33fe2cd4a440985a9e7d115660aa5111ad3518f5e36185fcc:87497",
    "black-soft-plastic.jpg": "ce2f9eedfa2c78536c7ab0cb5d86a7195c73268accdcb1cda6f76ae4240d8680:48104",
    "blue-acrylic.jpg": "0b3f1f51d71dcda61596b444eda6e36318641df163e4e1529739b706ae5f9bce:71431",
    "blue-fabric.jpg": "33c5f898f35e471d8375b01731b5c9d9d135a163836c99d70aa8671bb3ab4e62:50862",
    "blue-metallic-paint.jpg": "2223e410abd6b5e5412f238cee2c56d99731ee96a43fec17427ce6110af2c6e9:75179",
    "blue-metallic-paint2.jpg": "d37b6be106e10388f725dea9b96d351030f26d3017cd4cb87490acfd16a1df0a:110673",
    "blue-rubber.jpg": "2d350961424a3562abd09e5913223c28c0988a1291b845b2cb40945aaa5bb7d6:55745",
    "brass.jpg": "e2993e2d490f2f85d44abfcb0f3ca794c6885ff336d3ee4b339242bafaf002b5:107989",
    "cherry-235.jpg": "a0da6efdff82a627a483b97e742f561386881bbb46eed14844f6ff5c970a40d4:59085",
    "chrome-steel.jpg": "5644f66fa583149eaa2581bbb582c00fa45c7b1150e2492b3aecf95e880fc8c8:125082",
    "chrome.jpg": "220dd709d11058a6e3bc3adebc633c820a17af61c24da1f1d9d69a36cd3f3f1f:133883",
    "colonial-maple-223.jpg": "c51bedc16068397a9c65806e8c829ae53d773f4714c4016e6cacfb8b61b5074b:59464",
    "color-changing-paint1.jpg": "0780b982fac32f07a7961a248f6a1c06a3598a87d8e3c6800e170479ffdb1165:93055",
    "color-changing-paint2.jpg": "7fc4377851b17b8c224582075c5f9ed1b9135040df0ad7a4576656e058bf2fad:83338",
    "color-changing-paint3.jpg": "df6c172b8c17a82c988924fe3d0ea70223906818cc573d93e0ac4b26eb675e47:87047",
    "dark-blue-paint.jpg": "43266779c7095134119a1db2e4b706630c23d9c06d9149f59a802764c94a64d1:58562",
    "dark-red-paint.jpg": "cca2f216d93248aa2cddbc7893ee50188292ea1494cd2d924afabdf3fc29befd:60456",
    "dark-specular-fabric.jpg": "53734d8655b084c9252a8da35bae42314a9fc5995a817bc8f12c5aea3939a075:52170",
    "delrin.jpg": "566ecfc192461b4fe3f255bb758777f540295db39f7603d11d5195cbbaa7b448:62340",
    "fruitwood-241.jpg": "3fe2cc09c9322b69128c073c95fb373ce1646d136ddb05de7f4bd64a5d3dd97a:56159",
    "gold-metallic-paint.jpg": "e971c10a82fe3eda4ff3a329ea9d77716571205afee758f07550d3c186798c43:82108",
    "gold-metallic-paint2.jpg": "0e3a26cab11552b427258f2c908ebc600183fd2679ed24528858401e3532052f:74883",
    "gold-metallic-paint3.jpg": "36aeb7d1cdb7c2b0d73763119da2f5bc3e2ed26a70616c192f00571df8c6c7ac:99264",
    "gold-paint.jpg": "c33ec76f68e1193e9eeb1642c791f31c2319bb2a365346bb2f2483016a078590:68460",
    "gray-plastic.jpg": "0d621ee73b89588806393ef4802f64c1164606d6c2d1c4d41330776a8378e09b:59298",
    "grease-covered-steel.jpg": "e2b433eca6f0042b4f00e551ad729465f6a408d8f28b1cc6b558a842b3980fba:100788",
    "green-acrylic.jpg": "505467221e097e84e2b7a3a73adaa29ad972a52ce0b4e1516908d419a7f81281:66481",
    "green-fabric.jpg": "c87cb1d058b9da2b7636f9fd3ab1ba0c6541859edcc973e75692af55bfc37344:48565",
    "green-latex.jpg": "120bb752b4e6c07b90e2d150107420a24339a44c1cc1cbc98325fa843df6d369:54517",
    "green-metallic-paint.jpg": "4557bbff62b6a7b71d1c68de88ff0aeb6996f965dd3bb888604d3746c3e33fbb:72263",
    "green-metallic-paint2.jpg": "0fb0e41808bd98a9425677b639c90cd1fdb8d3ad196f064d50928acb88e708b9:93189",
    "green-plastic.jpg": "28e520d86dca7a0ee72ed8120719ccbe37ebbf9e2dfc3c3cbee39272d476a243:67077",
    "hematite.jpg": "550ad073b4a5727abb5c55fcccdc939293aaeb2da2d6f5a32d44efa7b8eff87a:105784",
    "ipswich-pine-221.jpg": "9d33a5f9744397c424754b023d1518c12242ea682fd54bcd4237510864875994:61168",
    "light-brown-fabric.jpg": "2efd8e1c012493ee541c255c7ed8d833099245360ac44164a10661a7e6e61c3a:48726",
    "light-red-paint.jpg": "7f19d68161fd6d3660749dd325cf8ac5a8cf765140d49c407c609b8400ca0ebe:59984",
    "maroon-plastic.jpg": "d7ffa0acb72e9db0b144d0cbd9c3beaba3646b41aebea819e95b17072eb1e9cd:69365",
    "natural-209.jpg": "4688f36e6123e7caf372ec37c0495a6881f2a1f0571f3ede01d6e50ada9676c9:58909",
    "neoprene-rubber.jpg": "d19aed9274e03bbf45f068fbc7abf8144fffe3e6710bb68be1aee55e50446ba1:62311",
    "nickel.jpg": "eeeb6e82d43fe6b80ac6f36f7de9031260a94a7714a71817e0a12906921f9bc5:103608",
    "nylon.jpg": "ac2cd197485e11bb3cf2a99083a6525096c0530610bdcc827e141e998497299f:62376",
    "orange-paint.jpg": "254160814978bca08717c2e9f78d324f778e405802bbc0d7dfa3ea53031b53e3:69190",
    "pearl-paint.jpg": "0c69ff0b4421cad94066eeb9b9ad63f0333676963852b79a1992b1a802b57295:62655",
    "pickled-oak-260.jpg": "28e0c53eedba2e527844c91494bc511a1273a2dd5d37e408ce1e3d2991d66e73:59132",
    "pink-fabric.jpg": "cf414402b3c34f196812c97e357b0b11101b8a5020f7bf2d6073ba7717966e3f:61681",
    "pink-fabric2.jpg": "278cc1e130b32b1f27b78b89c4a80855940cec6c6dd0d69f1cd1e4e7e8c1617b:59979",
    "pink-felt.jpg": "1c7490a5c4015495a25e2c689a7ad3682334a3837b6837eb68f0b7fe9274e4b6:66520",
    "pink-jasper.jpg": "e31f5aeed074355b2686c03854acfdaafd93532b199652e885438512eb264009:67903",
    "pink-plastic.jpg": "b48a9dc7d7017845486ece22796989e77baa1c8e435570ac7b1f0ca3afc73b75:62514",
    "polyethylene.jpg": "4954218423ccc0cd77ec0487e68976e5ced206e505e7cf107d01bd5896bfbef2:61692",
    "polyurethane-foam.jpg": "292fb428c8c0321ca5773e7d2ecec88c352dad26778efdc6d398ebb6f0b486a2:52287",
    "pure-rubber.jpg": "f2672a66c3b5f6554e3b4078a5e2141793cc5a78caf544793e183096b44d4344:60902",
    "purple-paint.jpg": "133262d225df84aa0312b5d6d30e6dbc00b47e923ff7befa05cb2b65719375f0:64017",
    "pvc.jpg": "5dee648e70f403c2d8412f48b29b1a31422e42760e9547e29d8964d428be5523:55861",
    "red-fabric.jpg": "f3d86ad10d53821c4a30f3c54aff47b167eca07a3e832f9b428e5da24a095258:60696",
    "red-fabric2.jpg": "a5a07bb93e6c29918488d8e25764ac9918cb526507db1f32c7c8828b797fc9fb:55800",
    "red-metallic-paint.jpg": "d459d633976d6ee729239cb08bf5eb7106c74a0e8678bef6ca8c60d13fcf1532:106784",
    "red-phenolic.jpg": "8674b37adee3b6ecdb755f57e6e72da8f53f84a24af8a15fbbd167f7028b1d61:73789",
    "red-plastic.jpg": "88eb2aca7d9b09ac63726eff99429f16287a8de6b3c6a4dc243529194fd32b9f:61719",
    "red-specular-plastic.jpg": "bb672cfeb7bfe831493a8e1252d60d418eba42c46a9e3b0f99c912052ef771c9:74381",
    "silicon-nitrade.jpg": "4bac87d2af50e51963f4e049bf2ebfe9b7e08c816c3aacb5691e0b927597015c:83693",
    "silver-metallic-paint.jpg": "260b104b215ff13165e7048b556c201d9a3c12f536e8bc6a5385ebadb131002e:74649",
    "silver-metallic-paint2.jpg": "f69bf92e92501b8d7fe0c877408a2e69f0cc7a2c40beec242d472e3eeecfad15:67232",
    "silver-paint.jpg": "bdf030c256898cdee2b5fc45e254e8772966c10421d43ebb10acd207b8d71a09:64602",
    "special-walnut-224.jpg": "f28d5632f68b98962a26077774f8a03006b84cd78cb048610ea1b97873d8a042:57538",
    "specular-black-phenolic.jpg": "9f42492c9a052747b5a7cb5721bc254a7826120479e66bb7e62459ec8f55f354:90684",
    "specular-blue-phenolic.jpg": "d1797a1cd39e1e06d44f7a666677509730da44ff0ef45d0e2924ebd0b62ee45a:80981",
    "specular-green-phenolic.jpg": "86136402d4786da436296570ea1a9094b7847c5c494539218175e7d64604733f:74437",
    "specular-maroon-phenolic.jpg": "d906e1d3da02f84873b8d531442a6e72361aaf54096cea80ddfd760e12ca3eeb:77234",
    "specular-orange-phenolic.jpg": "4fe972da590d1a0f6571c0b5143bebaca04a0fcbc2f20e2c8d49639e4e944ce7:75599",
    "specular-red-phenolic.jpg": "4d65e9f562bab3f77f11474390862dfe2d7e32806087dc0c16d09015bc07f35c:76124",
    "specular-violet-phenolic.jpg": "ea019fe4e00f708ab7570224f59a643b76cdcbb63e43825840aadf51187baeab:72816",
    "specular-white-phenolic.jpg": "eb0f60495cbb8a24f555120e3327b8f6e0e20cc5fe11636b803e2ff989f1c164:75737",
    "specular-yellow-phenolic.jpg": "05a79660adc5745494c5b4e399fffc969c288ca654b86b3e54eb54d50c8f4ea7:79248",
    "ss440.jpg": "f7e5d510143102ef66f44ca6eb6bf2641a21ed73b9d5966aeb176c715cd3ddbb:122769",
    "steel.jpg": "6ddadc492e72ec9c12c8ed22351df87153bd3e9ccba1f63a2bddad5d457ef1c2:130763",
    "teflon.jpg": "3b9f2175338c27a9ba1e32a3f004fdce68fa29e62b5541515661828a04c8bc8a:55497",
    "tungsten-carbide.jpg": "0d46555616ff6e623a771babe5ce96f9d4f67793bf9d131496e0a54fc028e9fa:129425",
    "two-layer-gold.jpg": "b5f43a39ceb2891bf0553e6fb51c44e76e6528a1cbabec1b3790be2d53b02c56:74911",
    "two-layer-silver.jpg": "aba8ee29ab0239530cd33052384d0544a269eaf9d4d9a9a2f6a801c18d6cc81b:70373",
    "violet-acrylic.jpg": "6d28f6f688ceff514b7e26e42d47138d00ca03601df1db72d0f4345d1cc87da7:73034",
    "violet-rubber.jpg": "9ff2f43156e712400ffd9e3b05e8553d63b38b621a3334534da70f484cd54e76:59156",
    "white-acrylic.jpg": "fd337c33ec54da93321bc702183692e9b3a83a29b65504bd7a501815067f5163:62575",
    "white-diffuse-bball.jpg": "434b2ccaff2fb7b86e47d6349f839e0b329ddf16c8f3276b84ce679c84f37ad0:67986",
    "white-fabric.jpg": "accda76986189135df91005df609ccf2f82006ca72e52ca5008bfef1ac7f1e8e:62354",
    "white-fabric2.jpg": "3aabbf029e476b48ccff537953b9d6810f8a41ec2f5386e40e00500bbe7be88f:49539",
    "white-marble.jpg": "5c41c35ec841396a99adacb38cac86300559e1db71a05d1eac845673fe8bdf2f:66257",
    "white-paint.jpg": "c1f9f54f50f44c2aa6b9a0f95ec5554e62a403a32e33bc3d0dec3ed5dd5e8c12:67767",
    "yellow-matte-plastic.jpg": "19226f76b413d6920cd6f7187838eb43ad084c662d10224c5e49192e18d78bd6:75706",
    "yellow-paint.jpg": "a601ef926c3fe2f12396c98190fa482c8f6144a9ab43484555ae73196aa86aa8:71057",
    "yellow-phenolic.jpg": "1c4ba090d3c93c49382c380e6f05fd5d41e149fa9244906023f802f8617fabba:75266",
    "yellow-plastic.jpg": "48f246e3296fa1d6b33b543d9a15fc7c9b39153adf0a4baaf891e433b20cc561:68675",
}
MATERIALS_IMAGES = tuple(
    Remote(f"{_MATERIALS}/havran1_ennis_298x298_LDR/{name}", (f"sha256:{accepted}",))
    for name, accepted in sorted(_MATERIAL_DIGESTS.items())
)
